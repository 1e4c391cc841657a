import { SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { ButtonLink, TextLink } from '@/ui/links';
import { email, required, z } from '@/ui/rules';
import { ActivationLink } from '../components/ActivationLink';
import { TENANTS, createTenant, type CreateTenant } from '../queries';

const schema = z.object({
  kind: z.enum(['customer', 'reseller']),
  name: required(),
  plan_id: z.nullable(z.string()),
  owner: z.object({ name: required(), email: email() }),
});
interface Values {
  kind: 'customer' | 'reseller';
  name: string;
  plan_id: string | null;
  owner: { name: string; email: string };
}

export function NewCustomerPage() {
  const { id: tenant, api, paths } = useActing();
  const plans = useQuery(getQuery(tenant, '/api/v1/plans', { query: { limit: 200 } }));
  const offered = plans.data?.items.filter(({ archived }) => !archived) ?? [];
  const [created, setCreated] = useState<Schemas['tenancy.CreatedTenant'] | null>(null);
  const write = useWrite((body: CreateTenant) => createTenant(api, body), TENANTS);
  const form = useApiForm<Values>({
    schema,
    defaults: { kind: 'customer', name: '', plan_id: null, owner: { name: '', email: '' } },
    submit: async (values) => setCreated(await write.mutateAsync(values)),
  });
  const back = { to: paths.customers, label: t('tenancy.customer.title') };

  if (created) {
    return (
      <Page title={t('tenancy.customer.created', { name: created.tenant.name })} back={back} narrow>
        <Section>
          <Stack gap="md">
            {created.activation && <ActivationLink activation={created.activation} name={form.getValues('owner.name')} />}
            <ButtonLink to={paths.customer(created.tenant.id)} style={{ alignSelf: 'flex-start' }}>
              {t('tenancy.customer.open')}
            </ButtonLink>
          </Stack>
        </Section>
      </Page>
    );
  }
  const values = form.watch();
  return (
    <Page title={t('tenancy.customer.add')} description={t('tenancy.customer.addText')} back={back} narrow>
      <Section>
        <form onSubmit={form.send} noValidate>
          <Stack gap="md">
            <FormProblem messages={form.problem} />
            <Controller
              control={form.control}
              name="kind"
              render={({ field }) => (
                <div>
                  <SegmentedControl
                    aria-label={t('tenancy.customer.kind')}
                    data={(['customer', 'reseller'] as const).map((kind) => ({ value: kind, label: t(`shell.kind.${kind}`) }))}
                    value={field.value}
                    onChange={field.onChange}
                  />
                  <Text size="sm" c="dimmed" mt={4}>
                    {t(`tenancy.kindHint.${field.value}`)}
                  </Text>
                </div>
              )}
            />
            <TextInput label={t('tenancy.customer.name')} description={t('tenancy.customer.nameHint')} autoComplete="organization" autoFocus error={form.error('name')} {...form.register('name')} />
            <Controller
              control={form.control}
              name="plan_id"
              render={({ field }) => (
                <Select
                  label={t('tenancy.customer.plan')}
                  placeholder={t('tenancy.customer.choosePlan')}
                  description={plans.data && offered.length === 0 ? t('tenancy.customer.noPlans') : undefined}
                  clearable
                  data={offered.map(({ id, name }) => ({ value: id, label: name }))}
                  value={field.value}
                  onChange={field.onChange}
                  error={form.error('plan_id')}
                />
              )}
            />
            {plans.data && offered.length === 0 && <TextLink to={paths.newPlan}>{t('tenancy.plan.make')}</TextLink>}
            <TextInput label={t('tenancy.customer.ownerName')} autoComplete="off" error={form.error('owner.name')} {...form.register('owner.name')} />
            <TextInput
              label={t('tenancy.customer.ownerEmail')}
              description={t('tenancy.customer.ownerHint')}
              type="email"
              autoComplete="off"
              error={form.error('owner.email')}
              {...form.register('owner.email')}
            />
            <FormButtons label={t('tenancy.customer.add')} busy={form.formState.isSubmitting} />
          </Stack>
        </form>
      </Section>
      <ApiPanel
        tenant={tenant}
        example={{
          method: 'POST',
          path: '/api/v1/tenants',
          body: values,
          cli: ['tenant', 'create', values.name, '--kind', values.kind, ...(values.plan_id ? ['--plan', values.plan_id] : []), '--owner-name', values.owner.name, '--owner-email', values.owner.email],
        }}
      />
    </Page>
  );
}
