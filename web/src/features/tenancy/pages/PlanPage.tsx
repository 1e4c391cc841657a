import { Button, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Pencil } from 'lucide-react';
import { Suspense } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { entitlement, quantity } from '@/ui/format';
import { lazyDialog } from '@/ui/lazyDialog';
import { useParam } from '@/ui/route';
import { StateBadge, Time } from '@/ui/state';
import { EntitlementSummary } from '../components/EntitlementSummary';
import { TENANTS, updatePlan } from '../queries';

const EditPlan = lazyDialog(() => import('../forms/EditPlan'), 'EditPlan');
type PlanDetail = Schemas['tenancy.PlanDetail'];

export function PlanPage() {
  const { id: tenant, api, paths, can } = useActing();
  const id = useParam('plan');
  const { data: plan, error, refetch } = useQuery(getQuery(tenant, '/api/v1/plans/{id}', { path: { id } }));
  const [editing, editControl] = useDisclosure(false);
  const archive = useWrite((archived: boolean) => updatePlan(api, plan as PlanDetail, { archived }), TENANTS);
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
      description={t('tenancy.plan.usedBy', { count: plan.subscribers })}
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
          title={t('tenancy.plan.current', { version: plan.version })}
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
            rows={Object.entries(plan.entitlements).map(([key, limit]) => ({ key, limit: limit ?? null, ...entitlement(key) }))}
            rowKey={({ key }) => key}
            empty={null}
            columns={[
              { key: 'label', header: t('tenancy.plan.limit'), main: true, cell: ({ label }) => label },
              { key: 'amount', header: t('tenancy.plan.amount'), align: 'end', cell: ({ limit, kind }) => quantity(limit, kind) },
            ]}
          />
        </Section>
      )}
      <Section title={t('tenancy.plan.versions')} hint={t('tenancy.plan.versionsHint')} flush>
        <DataTable
          label={t('tenancy.plan.versions')}
          rows={plan.versions}
          rowKey={({ version }) => String(version)}
          empty={null}
          columns={[
            { key: 'version', header: t('tenancy.plan.version'), main: true, cell: ({ version }) => t('tenancy.plan.versionNumber', { version }) },
            { key: 'contents', header: t('tenancy.plan.contents'), cell: ({ entitlements }) => <EntitlementSummary entitlements={entitlements} /> },
            { key: 'created', header: t('tenancy.plan.since'), cell: ({ created_at }) => <Time iso={created_at} /> },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/plans/${id}`, cli: ['plan', 'show', id] }} />
    </Page>
  );
}
