import { Button, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Pencil } from 'lucide-react';
import { Suspense } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { entitlement, inOrder, quantity } from '@/ui/format';
import { lazyDialog } from '@/ui/lazyDialog';
import { useParam } from '@/ui/route';
import { StateBadge, Time } from '@/ui/state';
import { TENANTS, updatePlan, type Plan } from '../queries';

const EditPlan = lazyDialog(() => import('../forms/EditPlan'), 'EditPlan');

export function PlanPage() {
  const { id: tenant, api, paths, can } = useActing();
  const id = useParam('plan');
  const { data: plan, error, refetch } = useQuery(getQuery(tenant, '/api/v1/plans/{plan_id}', { path: { plan_id: id } }));
  const [editing, editControl] = useDisclosure(false);
  const archive = useWrite((archived: boolean) => updatePlan(api, plan as Plan, { archived }), TENANTS);
  const back = { to: paths.plans, label: t('tenancy.plan.title') };
  if (!plan) {
    return (
      <Page title={t('tenancy.plan.one')} back={back}>
        {error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />}
      </Page>
    );
  }
  const may = can('plans:write');
  return (
    <Page
      title={plan.name}
      heading={
        <Group gap="sm">
          {plan.name} <StateBadge state={plan.archived ? 'archived' : 'active'} />
        </Group>
      }
      description={rich('tenancy.plan.sub', { used: t('tenancy.plan.usedBy', { count: plan.subscribers }), since: <Time iso={plan.version_created_at} /> })}
      back={back}
      actions={
        may && (
          <Button variant="default" loading={archive.isPending} onClick={() => archive.mutate(!plan.archived)}>
            {t(plan.archived ? 'tenancy.plan.restore' : 'tenancy.plan.archive')}
          </Button>
        )
      }
    >
      {archive.error && <ErrorNotice error={archive.error} />}
      {editing ? (
        <Suspense fallback={<Loading />}>
          <EditPlan plan={plan} close={editControl.close} />
        </Suspense>
      ) : (
        <Section
          title={t('tenancy.plan.current', { version: plan.latest_version })}
          hint={plan.oversell ? t('tenancy.plan.oversellOn') : t('tenancy.plan.versionsHint')}
          flush
          actions={
            may && (
              <Button variant="default" size="compact-sm" leftSection={<Pencil size={14} />} onClick={editControl.open}>
                {t('tenancy.plan.change')}
              </Button>
            )
          }
        >
          <DataTable
            label={t('tenancy.plan.limits')}
            rows={inOrder(plan.entitlements).map(([key, limit]) => ({ key, limit, ...entitlement(key) }))}
            rowKey={({ key }) => key}
            empty={null}
            columns={[
              { key: 'label', header: t('tenancy.plan.limit'), main: true, cell: ({ label }) => label },
              { key: 'amount', header: t('tenancy.plan.amount'), align: 'end', cell: ({ limit, kind }) => quantity(limit, kind) },
            ]}
          />
        </Section>
      )}
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/plans/${id}`, cli: ['plan', 'show', id] }} />
    </Page>
  );
}
