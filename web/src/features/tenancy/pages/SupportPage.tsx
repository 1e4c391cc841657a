import { Button, Group, Switch } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { LifeBuoy } from 'lucide-react';
import { isActingFor } from '@/api/access';
import { useActing } from '@/api/acting';
import { getQuery, usePages, useWrite } from '@/api/query';
import { useMe } from '@/api/session';
import type { Assumption } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import classes from '../components/tenancy.module.css';
import { agreeToAssumption, endAssumption, setSupportAccess } from '../queries';

const STALE = ['/api/v1/tenants'] as const;

/** Who from above has acted for this tenant, why, when, and what they did; and whether they have to ask. */
export function SupportPage() {
  const { id: tenant, api, paths, can } = useActing();
  const own = !isActingFor(useMe(), tenant);
  const list = usePages(tenant, '/api/v1/tenants/{tenant_id}/assumptions', { path: { tenant_id: tenant } });
  const end = useWrite((assumption: Assumption) => endAssumption(api, tenant, assumption.id), STALE);
  const agree = useWrite((assumption: Assumption) => agreeToAssumption(api, tenant, assumption.id), STALE);
  const done = (assumption: Assumption) => `${paths.audit}?actor=${encodeURIComponent(assumption.user.id)}`;
  return (
    <Page title={t('tenancy.support.title')} description={t('tenancy.support.text')}>
      <Consent />
      {(end.error ?? agree.error) && <ErrorNotice error={end.error ?? agree.error} />}
      <Section flush>
        <DataTable
          label={t('tenancy.support.title')}
          rows={list.items}
          rowKey={({ id }) => id}
          error={list.error}
          retry={list.retry}
          hasMore={list.hasMore}
          loadMore={list.loadMore}
          loadingMore={list.loadingMore}
          empty={
            <Empty icon={LifeBuoy} title={t('tenancy.support.emptyTitle')}>
              {t('tenancy.support.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'who', header: t('tenancy.support.who'), main: true, cell: ({ user, from_tenant_name }) => t('tenancy.support.whoFrom', { name: user.name ?? t('tenancy.support.gone'), tenant: from_tenant_name }) },
            { key: 'why', header: t('tenancy.support.why'), cell: ({ reason }) => <span className="mp-break">{reason}</span> },
            { key: 'state', header: t('tenancy.support.state'), cell: ({ state }) => <StateBadge state={state} /> },
            { key: 'when', header: t('tenancy.support.when'), sort: ({ asked_at }) => asked_at, cell: ({ asked_at }) => <Time iso={asked_at} /> },
            { key: 'until', header: t('tenancy.support.until'), wideOnly: true, cell: ({ ended_at, expires_at }) => <Time iso={ended_at ?? expires_at} /> },
            {
              key: 'actions',
              header: t('tenancy.support.what'),
              hiddenHeader: true,
              align: 'end',
              cell: (assumption) => (
                <Group gap={6} justify="flex-end" className={classes.actions}>
                  {assumption.state === 'waiting' && own && can('support:manage') && (
                    <Button size="compact-sm" loading={agree.isPending} onClick={() => agree.mutate(assumption, { onSuccess: () => toast(t('tenancy.support.agreed')) })}>
                      {t('tenancy.support.agree')}
                    </Button>
                  )}
                  {assumption.state !== 'ended' && (
                    <Button size="compact-sm" variant="default" loading={end.isPending} onClick={() => end.mutate(assumption)}>
                      {t(assumption.state === 'waiting' ? 'tenancy.support.refuse' : 'tenancy.support.end')}
                    </Button>
                  )}
                  {assumption.opened_at && <TextLink to={done(assumption)}>{t('tenancy.support.what')}</TextLink>}
                </Group>
              ),
            },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/tenants/${tenant}/assumptions`, cli: ['support', 'list'] }} />
    </Page>
  );
}

function Consent() {
  const { id: tenant, api, can, tenant: acting } = useActing();
  // Nobody above answers for the tenant.
  const own = !isActingFor(useMe(), tenant);
  const { data, error, refetch } = useQuery(getQuery(tenant, '/api/v1/tenants/{tenant_id}/support-access', { path: { tenant_id: tenant } }));
  const set = useWrite(async (wanted: boolean) => data && setSupportAccess(api, tenant, data, wanted), STALE);
  // Nobody stands above the platform.
  if (acting.kind === 'platform') return null;
  return (
    <Section>
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {set.error && <ErrorNotice error={set.error} />}
      <Switch
        label={t('tenancy.support.consent')}
        description={t('tenancy.support.consentHint')}
        checked={data?.consent_required ?? false}
        disabled={!data || !own || !can('support:manage') || set.isPending}
        onChange={(event) => set.mutate(event.currentTarget.checked)}
      />
    </Section>
  );
}
