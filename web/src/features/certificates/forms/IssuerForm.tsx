import { Checkbox, PasswordInput, Select, Stack, TextInput } from '@mantine/core';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Dialog } from '@/ui/Dialog';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { required, z } from '@/ui/rules';
import { ISSUERS, KNOWN, createIssuer, needsAccount, type CreateIssuer } from '../queries';

interface Values {
  name: string;
  contact: string;
  agree_terms: boolean;
  kid: string;
  hmac_key: string;
}

const schema = z.object({ name: required(), contact: z.string(), agree_terms: z.boolean(), kid: z.string(), hmac_key: z.string() });

const asked = ({ name, contact, agree_terms, kid, hmac_key }: Values): CreateIssuer => ({
  name,
  contact: contact ? [contact] : [],
  agree_terms,
  ...(needsAccount(name) && { external_account: { kid, hmac_key } }),
});

/** Authorities of one's own, by their directory, are set up on the command line. */
export function IssuerForm({ close }: { close: () => void }) {
  const { id: tenant, api } = useActing();
  const write = useWrite((values: Values) => createIssuer(api, asked(values)), ISSUERS);
  const form = useApiForm<Values>({
    schema,
    defaults: { name: 'letsencrypt', contact: '', agree_terms: false, kid: '', hmac_key: '' },
    submit: async (values) => {
      await write.mutateAsync(values);
      close();
    },
  });
  const values = form.watch();
  const body = { ...asked(values), ...(needsAccount(values.name) && { external_account: { kid: values.kid, hmac_key: '…' } }) };
  return (
    <Dialog opened onClose={close} title={t('certificates.issuers.add')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <Controller
            control={form.control}
            name="name"
            render={({ field }) => (
              <Select label={t('certificates.issuers.name')} description={t('certificates.issuers.nameHint')} allowDeselect={false} data={[...KNOWN]} value={field.value} onChange={field.onChange} error={form.error('name')} />
            )}
          />
          <TextInput label={t('certificates.issuers.contact')} description={t('certificates.issuers.contactHint')} type="email" autoComplete="off" error={form.error('contact')} {...form.register('contact')} />
          {needsAccount(values.name) && (
            <>
              <TextInput label={t('certificates.issuers.kid')} description={t('certificates.issuers.kidHint')} autoComplete="off" error={form.error('kid')} {...form.register('kid')} />
              <PasswordInput label={t('certificates.issuers.hmac')} autoComplete="one-time-code" error={form.error('hmac_key')} {...form.register('hmac_key')} />
            </>
          )}
          <Checkbox label={t('certificates.issuers.agree')} error={form.error('agree_terms')} {...form.register('agree_terms')} />
          <FormButtons label={t('certificates.issuers.add')} busy={form.formState.isSubmitting} cancel={close} />
          <ApiPanel tenant={tenant} example={{ method: 'POST', path: '/api/v1/certificate-issuers', body, cli: ['issuer', 'add', values.name, ...(values.contact ? ['--contact', values.contact] : []), '--agree-terms'] }} />
        </Stack>
      </form>
    </Dialog>
  );
}
