import { Stack } from '@mantine/core';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Notice } from '@/ui/Notice';
import { Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { TENANTS, addPlanVersion, type Entitlements } from '../queries';
import { PlanFields } from './PlanFields';
import { entitlementArgs, entitlementRule } from './planValues';

/** Limits of a plan never change; editing them makes the next version. */
export function EditPlan({ plan, close }: { plan: Schemas['tenancy.PlanDetail']; close: () => void }) {
  const { id: tenant, api } = useActing();
  const write = useWrite((entitlements: Entitlements) => addPlanVersion(api, plan.id, entitlements), TENANTS);
  const form = useApiForm<{ entitlements: Entitlements }>({
    schema: z.object({ entitlements: entitlementRule }),
    defaults: { entitlements: plan.entitlements },
    submit: async ({ entitlements }) => {
      const { version } = await write.mutateAsync(entitlements);
      toast(t('tenancy.plan.saved', { version }));
      close();
    },
  });
  return (
    <Section title={t('tenancy.plan.newVersion', { version: plan.version + 1 })}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="md">
          <Notice tone="busy">{t('tenancy.plan.immutable')}</Notice>
          <FormProblem messages={form.problem} />
          <Controller
            control={form.control}
            name="entitlements"
            render={({ field }) => <PlanFields value={field.value} onChange={field.onChange} error={(key) => form.error(`entitlements.${key}`)} />}
          />
          <FormButtons label={t('tenancy.plan.saveVersion')} busy={form.formState.isSubmitting} cancel={close} />
          <ApiPanel
            tenant={tenant}
            example={{
              method: 'POST',
              path: `/api/v1/plans/${plan.id}/versions`,
              body: form.watch(),
              cli: ['plan', 'update', plan.id, ...entitlementArgs(form.watch('entitlements'))],
            }}
          />
        </Stack>
      </form>
    </Section>
  );
}
