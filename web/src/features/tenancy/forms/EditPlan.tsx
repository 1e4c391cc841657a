import { Stack } from '@mantine/core';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Notice } from '@/ui/Notice';
import { Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { TENANTS, addPlanVersion, type CreatePlanVersion, type Entitlements, type Plan } from '../queries';
import { Oversell, PlanFields } from './PlanFields';
import { entitlementArgs, entitlementRule } from './planValues';

/** Limits of a plan never change; editing them makes the next version. */
export function EditPlan({ plan, close }: { plan: Plan; close: () => void }) {
  const { id: tenant, api } = useActing();
  const write = useWrite((body: CreatePlanVersion) => addPlanVersion(api, plan.id, body), TENANTS);
  const form = useApiForm<{ entitlements: Entitlements; oversell: boolean }>({
    schema: z.object({ entitlements: entitlementRule, oversell: z.boolean() }),
    defaults: { entitlements: plan.entitlements, oversell: plan.oversell },
    submit: async (values) => {
      const { latest_version: version } = await write.mutateAsync(values);
      toast(t('tenancy.plan.saved', { version }));
      close();
    },
  });
  return (
    <Section title={t('tenancy.plan.newVersion', { version: plan.latest_version + 1 })}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="md">
          <Notice tone="busy">{t('tenancy.plan.immutable')}</Notice>
          <FormProblem messages={form.problem} />
          <Controller
            control={form.control}
            name="entitlements"
            render={({ field }) => <PlanFields value={field.value} onChange={field.onChange} error={(key) => form.error(`entitlements.${key}`)} />}
          />
          <Oversell control={form.control} />
          <FormButtons label={t('tenancy.plan.saveVersion')} busy={form.formState.isSubmitting} cancel={close} />
          <ApiPanel
            tenant={tenant}
            example={{
              method: 'POST',
              path: `/api/v1/plans/${plan.id}/versions`,
              body: form.watch(),
              cli: ['plan', 'version', plan.id, ...entitlementArgs(form.watch('entitlements')), ...(form.watch('oversell') ? ['--oversell'] : [])],
            }}
          />
        </Stack>
      </form>
    </Section>
  );
}
