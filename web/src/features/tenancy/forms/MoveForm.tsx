import { Select, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Dialog } from '@/ui/Dialog';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { optional, orNull, required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { TENANTS, moveTenant, type Tenant } from '../queries';

interface Place {
  parent_id: string;
  plan_id: string;
}

/** Moves a customer, with everybody below it, to another seller and onto one of its plans. */
export function MoveForm({ customer, close }: { customer: Tenant; close: () => void }) {
  const { id, tenant, api } = useActing();
  const below = useQuery(getQuery(id, '/api/v1/tenants', { query: { limit: 200 } }));
  const write = useWrite(({ parent_id, plan_id }: Place) => moveTenant(api, customer.id, { parent_id, plan_id: orNull(plan_id) }), TENANTS);
  const form = useApiForm<Place>({
    schema: z.object({ parent_id: required(), plan_id: optional() }),
    defaults: { parent_id: '', plan_id: '' },
    submit: async (place) => {
      await write.mutateAsync(place);
      toast(t('tenancy.move.done', { name: customer.name }));
      close();
    },
  });
  const { parent_id, plan_id } = form.watch();
  const plans = useQuery({ ...getQuery(id, '/api/v1/tenants/{tenant_id}/plans', { path: { tenant_id: parent_id }, query: { limit: 200 } }), enabled: parent_id !== '' });
  const sellers = (below.data?.items ?? []).filter((one) => one.kind === 'reseller' && one.id !== customer.id && one.state === 'active');
  const places = [{ id, name: tenant.name }, ...sellers.filter((one) => one.id !== id)].filter((one) => one.id !== customer.parent_id);
  return (
    <Dialog opened onClose={close} title={t('tenancy.move.title', { name: customer.name })}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <p className="mp-plain">{t('tenancy.move.text')}</p>
          <FormProblem messages={form.problem} />
          <Controller
            control={form.control}
            name="parent_id"
            render={({ field }) => (
              <Select
                label={t('tenancy.move.seller')}
                searchable
                data={places.map((one) => ({ value: one.id, label: one.name }))}
                value={field.value || null}
                onChange={(value) => field.onChange(value ?? '')}
                error={form.error('parent_id')}
              />
            )}
          />
          <Controller
            control={form.control}
            name="plan_id"
            render={({ field }) => (
              <Select
                label={t('tenancy.customer.plan')}
                description={t('tenancy.move.planHint')}
                disabled={parent_id === ''}
                clearable
                data={(plans.data?.items ?? []).filter(({ archived }) => !archived).map((plan) => ({ value: plan.id, label: plan.name }))}
                value={field.value || null}
                onChange={(value) => field.onChange(value ?? '')}
                error={form.error('plan_id')}
              />
            )}
          />
          <FormButtons label={t('tenancy.move.action')} busy={form.formState.isSubmitting} disabled={parent_id === ''} cancel={close} />
          <ApiPanel
            tenant={id}
            example={{
              method: 'PUT',
              path: `/api/v1/tenants/${customer.id}/place`,
              body: { parent_id, plan_id: orNull(plan_id) },
              cli: ['tenant', 'move', customer.id, '--to', parent_id, ...(plan_id ? ['--plan', plan_id] : [])],
            }}
          />
        </Stack>
      </form>
    </Dialog>
  );
}
