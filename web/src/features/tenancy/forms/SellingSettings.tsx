import { Stack, Text, TextInput, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import { ErrorNotice } from '@/ui/feedback';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { optional, orNull, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { TENANTS, setSelling, type Selling } from '../queries';

/** What visitors read in place of sites that are not shown, and how long customers that end can be restored. */
export function SellingSettings() {
  const { id: tenant } = useActing();
  const { data, error, refetch } = useQuery(getQuery(tenant, '/api/v1/tenants/{tenant_id}/selling', { path: { tenant_id: tenant } }));
  return (
    <Section title={t('tenancy.selling.title')} hint={t('tenancy.selling.text')}>
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {data && <SellingForm key={data.version} selling={data} />}
    </Section>
  );
}

const schema = z.object({
  page: z.object({ title: optional(), text: optional(), contact: optional() }),
  grace_days: z.string().check(z.trim(), z.regex(/^\d*$/, 'ui.rule.number')),
});
type Values = z.infer<typeof schema>;

function SellingForm({ selling }: { selling: Selling }) {
  const { id: tenant, api, can } = useActing();
  const write = useWrite((body: Schemas['tenancy.SetSelling']) => setSelling(api, tenant, selling, body), TENANTS);
  const form = useApiForm<Values>({
    schema,
    defaults: {
      page: { title: selling.page?.title ?? '', text: selling.page?.text ?? '', contact: selling.page?.contact ?? '' },
      grace_days: selling.grace_days?.toString() ?? '',
    },
    submit: async (values) => {
      await write.mutateAsync(toBody(values));
      toast(t('tenancy.selling.saved'));
    },
  });
  const may = can('customers:write');
  return (
    <form onSubmit={form.send} noValidate>
      <Stack gap="md" maw={560}>
        <FormProblem messages={form.problem} />
        <TextInput label={t('tenancy.selling.pageTitle')} description={t('tenancy.selling.pageHint')} maxLength={80} autoComplete="off" disabled={!may} error={form.error('page.title')} {...form.register('page.title')} />
        <Textarea label={t('tenancy.selling.pageText')} maxLength={600} autosize minRows={2} disabled={!may} error={form.error('page.text')} {...form.register('page.text')} />
        <TextInput label={t('tenancy.selling.contact')} description={t('tenancy.selling.contactHint')} maxLength={200} autoComplete="off" disabled={!may} error={form.error('page.contact')} {...form.register('page.contact')} />
        <TextInput
          label={t('tenancy.selling.grace')}
          description={t('tenancy.selling.graceHint', { days: selling.effective_grace_days })}
          inputMode="numeric"
          autoComplete="off"
          disabled={!may}
          error={form.error('grace_days')}
          {...form.register('grace_days')}
        />
        {may ? <FormButtons label={t('ui.action.save')} busy={form.formState.isSubmitting} disabled={!form.formState.isDirty} /> : <Text c="dimmed">{t('tenancy.selling.readOnly')}</Text>}
      </Stack>
    </form>
  );
}

/** Nothing written is the page of those above. */
function toBody({ page, grace_days }: Values): Schemas['tenancy.SetSelling'] {
  const written = page.title !== '' || page.text !== '' || page.contact !== '';
  return {
    page: written ? { title: page.title, text: page.text, contact: orNull(page.contact) } : null,
    grace_days: grace_days === '' ? null : Number(grace_days),
  };
}
