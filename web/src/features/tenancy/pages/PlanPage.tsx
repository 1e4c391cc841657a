import { Button, Group, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Pencil } from 'lucide-react';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Notice } from '@/ui/Notice';
import { Page, Section } from '@/ui/Page';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { entitlement, quantity } from '@/ui/format';
import { useParam } from '@/ui/route';
import { z } from '@/ui/rules';
import { StateBadge, Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import { EntitlementSummary } from '../components/EntitlementSummary';
import { PlanFields } from '../forms/PlanFields';
import { entitlementArgs, entitlementRule } from '../forms/planValues';
import { TENANTS, addPlanVersion, updatePlan, type Entitlements } from '../queries';

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
        <EditPlan plan={plan} close={editControl.close} />
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

function EditPlan({ plan, close }: { plan: PlanDetail; close: () => void }) {
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
