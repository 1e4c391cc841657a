import { Button, Group, Select, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { LogIn } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Notice } from '@/ui/Notice';
import { Page, Section } from '@/ui/Page';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { entitlement } from '@/ui/format';
import { ButtonLink, TextLink } from '@/ui/links';
import { tenantPaths, usagePath } from '@/ui/paths';
import { useParam } from '@/ui/route';
import { Meter, StateBadge, Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import { Exports } from '../components/Exports';
import { Members } from '../components/Members';
import { Standing } from '../components/Standing';
import classes from '../components/tenancy.module.css';
import { TENANTS, subscribe, type Tenant } from '../queries';

export function CustomerPage() {
  const { id: acting, paths, can } = useActing();
  const id = useParam('customer');
  const { data: customer, error, refetch } = useQuery(getQuery(acting, '/api/v1/tenants/{tenant_id}', { path: { tenant_id: id } }));
  const back = { to: paths.customers, label: t('tenancy.customer.title') };

  if (!customer) {
    return (
      <Page title={t('tenancy.customer.one')} back={back}>
        {error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />}
      </Page>
    );
  }
  return (
    <Page
      title={customer.name}
      heading={
        <Group gap="sm">
          {customer.name} <StateBadge state={customer.state} />
        </Group>
      }
      description={rich('tenancy.customer.sub', { kind: t(`shell.kind.${customer.kind}`), since: <Time iso={customer.created_at} /> })}
      back={back}
      actions={
        <ButtonLink to={tenantPaths(id).overview} leftSection={<LogIn size={16} />}>
          {t('tenancy.customer.actFor')}
        </ButtonLink>
      }
    >
      {customer.ends_at && (
        <Notice tone="warn">
          <span>{rich('tenancy.customer.endsText', { at: <Time iso={customer.ends_at} /> })}</span>
        </Notice>
      )}
      <Plan key={customer.plan?.id} customer={customer} />
      <Members tenant={id} besides>
        {(add, list) => (
          <Section title={t('tenancy.member.title')} flush actions={add}>
            {list}
          </Section>
        )}
      </Members>
      {can('exports:read') && <Exports tenant={id} seller={customer.kind === 'reseller'} besides />}
      {can('customers:write') && <Standing customer={customer} />}
      <ApiPanel tenant={acting} example={{ method: 'GET', path: `/api/v1/tenants/${id}`, cli: ['tenant', 'show', id] }} />
    </Page>
  );
}

function Plan({ customer }: { customer: Tenant }) {
  const { id: acting, api, paths, can } = useActing();
  const usage = useQuery(getQuery(acting, '/api/v1/tenants/{tenant_id}/usage', { path: { tenant_id: customer.id } }));
  const plans = useQuery(getQuery(acting, '/api/v1/plans', { query: { limit: 200 } }));
  const direct = customer.parent_id === acting;
  const [chosen, setChosen] = useState<string | null>(customer.plan?.id ?? null);
  const change = useWrite((plan: string) => subscribe(api, customer.id, plan), TENANTS);
  const offered = plans.data?.items.filter(({ archived, id }) => !archived || id === customer.plan?.id) ?? [];
  const latest = plans.data?.items.find(({ id }) => id === customer.plan?.id)?.latest_version ?? 0;
  const behind = direct && customer.plan !== null && customer.plan.version < latest;
  const hint = customer.plan === null ? t('tenancy.customer.noPlanText') : behind ? t('tenancy.customer.olderVersion', { version: customer.plan.version }) : undefined;
  return (
    <Section title={t('tenancy.customer.planTitle')} hint={hint}>
      <Stack gap="md">
        {!direct && <Seller customer={customer} />}
        {direct && can('plans:write') && (
          <Group gap="xs" align="flex-end">
            <Select
              label={t('tenancy.customer.plan')}
              placeholder={t('tenancy.customer.choosePlan')}
              allowDeselect={false}
              data={offered.map((plan) => ({ value: plan.id, label: t('tenancy.plan.nameVersion', { name: plan.name, version: plan.latest_version }) }))}
              value={chosen}
              onChange={setChosen}
              w={260}
              maw="100%"
            />
            {chosen && (chosen !== customer.plan?.id || behind) && (
              <Button loading={change.isPending} onClick={() => change.mutate(chosen, { onSuccess: () => toast(t('tenancy.customer.planChanged')) })}>
                {t(chosen === customer.plan?.id ? 'tenancy.customer.movePlan' : 'tenancy.customer.changePlan')}
              </Button>
            )}
            {customer.plan && chosen === customer.plan.id && (
              <div className={classes.besideInput}>
                <TextLink to={paths.plan(customer.plan.id)}>{t('tenancy.customer.seePlan')}</TextLink>
              </div>
            )}
          </Group>
        )}
        {change.error && <ErrorNotice error={change.error} />}
        {usage.error && <ErrorNotice error={usage.error} retry={() => void usage.refetch()} />}
        <div className={classes.grid}>
          {usage.data?.items.map(({ key, unit, used, limit, resets_at }) => (
            <Meter key={key} label={entitlement(key).label} used={used} limit={limit} kind={unit} resets={resets_at} to={customer.kind === 'customer' ? usagePath(tenantPaths(customer.id), key) : tenantPaths(customer.id).customers} />
          ))}
        </div>
      </Stack>
    </Section>
  );
}

/** Whose plan it is. Only the seller can change it, and only there it can be looked at. */
function Seller({ customer }: { customer: Tenant }) {
  const { id: acting } = useActing();
  const seller = customer.parent_id ?? '';
  const { data } = useQuery({ ...getQuery(acting, '/api/v1/tenants/{tenant_id}', { path: { tenant_id: seller } }), enabled: seller !== '' });
  const plan = customer.plan?.name ?? t('tenancy.customer.noPlan');
  if (!data) return <div>{plan}</div>;
  return <p className="mp-plain">{rich('tenancy.customer.soldBy', { plan: <strong>{plan}</strong>, seller: <TextLink to={tenantPaths(seller).customer(customer.id)}>{data.name}</TextLink> })}</p>;
}
