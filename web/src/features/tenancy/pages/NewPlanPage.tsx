import { Stack, Text, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { Oversell, PlanFields } from '../forms/PlanFields';
import { entitlementArgs, entitlementRule } from '../forms/planValues';
import { TENANTS, createPlan, type CreatePlan } from '../queries';

const START: CreatePlan = {
  name: '',
  entitlements: { sites: 10, domains: 20, disk_bytes: 10e9, traffic_bytes_month: 100e9 },
  oversell: false,
};

export function NewPlanPage() {
  const { id: tenant, api, paths } = useActing();
  const navigate = useNavigate();
  const write = useWrite((body: CreatePlan) => createPlan(api, body), TENANTS);
  const form = useApiForm<CreatePlan>({
    schema: z.object({ name: required(), entitlements: entitlementRule, oversell: z.boolean() }),
    defaults: START,
    submit: async (values) => {
      const plan = await write.mutateAsync(values);
      toast(t('tenancy.plan.made', { name: plan.name }));
      await navigate({ to: paths.plan(plan.id) });
    },
  });
  const values = form.watch();
  return (
    <Page title={t('tenancy.plan.make')} description={t('tenancy.plan.makeText')} back={{ to: paths.plans, label: t('tenancy.plan.title') }} narrow>
      <Section>
        <form onSubmit={form.send} noValidate>
          <Stack gap="md">
            <FormProblem messages={form.problem} />
            <TextInput label={t('tenancy.plan.name')} description={t('tenancy.plan.nameHint')} autoComplete="off" autoFocus error={form.error('name')} {...form.register('name')} />
            <div>
              <Text fw={600} size="md" mb="xs">
                {t('tenancy.plan.limits')}
              </Text>
              <Controller
                control={form.control}
                name="entitlements"
                render={({ field }) => <PlanFields value={field.value} onChange={field.onChange} error={(key) => form.error(`entitlements.${key}`)} />}
              />
            </div>
            <Oversell control={form.control} />
            <FormButtons label={t('tenancy.plan.make')} busy={form.formState.isSubmitting} />
          </Stack>
        </form>
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'POST', path: '/api/v1/plans', body: values, cli: ['plan', 'create', values.name, ...entitlementArgs(values.entitlements), ...(values.oversell ? ['--oversell'] : [])] }} />
    </Page>
  );
}
