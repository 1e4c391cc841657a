import { Select, Stack, TextInput } from '@mantine/core';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { ApiPanel } from '@/ui/ApiPanel';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { domain, optional, orNull, z } from '@/ui/rules';
import { SITES, addDomain, type AddDomain, type Site } from '../queries';

const KINDS = ['primary', 'alias', 'redirect'] as const;
const schema = z.object({ name: domain(), kind: z.enum(KINDS), target: optional() });

interface Values {
  name: string;
  kind: (typeof KINDS)[number];
  target: string;
}

export function DomainForm({ site, close }: { site: Site; close: () => void }) {
  const { id: tenant, api } = useActing();
  const write = useWrite((body: AddDomain) => addDomain(api, site.id, body), SITES);
  const first = site.domains.length === 0;
  const form = useApiForm<Values>({
    schema,
    defaults: { name: '', kind: first ? 'primary' : 'alias', target: '' },
    submit: async (values) => {
      await write.mutateAsync(toBody(values));
      close();
    },
  });
  const values = form.watch();
  return (
    <Dialog opened onClose={close} title={t('sites.domain.add')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <TextInput data-autofocus label={t('sites.domain.name')} placeholder="www.example.com" autoComplete="off" autoCapitalize="none" spellCheck={false} error={form.error('name')} {...form.register('name')} />
          <Controller
            control={form.control}
            name="kind"
            render={({ field }) => (
              <Select
                label={t('sites.domain.does')}
                description={t(`sites.domain.kindHint.${field.value}`)}
                allowDeselect={false}
                data={KINDS.map((kind) => ({ value: kind, label: t(`sites.domain.kind.${kind}`) }))}
                value={field.value}
                onChange={field.onChange}
                error={form.error('kind')}
              />
            )}
          />
          {values.kind === 'redirect' && (
            <TextInput label={t('sites.domain.target')} description={t('sites.domain.targetHint')} placeholder="https://example.com" autoComplete="off" error={form.error('target')} {...form.register('target')} />
          )}
          <FormButtons label={t('sites.domain.add')} busy={form.formState.isSubmitting} cancel={close} />
          <ApiPanel
            tenant={tenant}
            example={{ method: 'POST', path: `/api/v1/sites/${site.id}/domains`, body: toBody(values), cli: ['site', 'domain', 'add', site.id, values.name, '--kind', values.kind, ...(values.target ? ['--target', values.target] : [])] }}
          />
        </Stack>
      </form>
    </Dialog>
  );
}

function toBody({ name, kind, target }: Values): AddDomain {
  return kind === 'redirect' ? { name, kind, target: orNull(target), status: 301 } : { name, kind };
}
