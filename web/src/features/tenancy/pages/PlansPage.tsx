import { Layers, Plus } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { count } from '@/ui/format';
import { ButtonLink, TextLink } from '@/ui/links';
import { StateBadge } from '@/ui/state';
import { EntitlementSummary } from '../components/EntitlementSummary';
import { SellingSettings } from '../forms/SellingSettings';

export function PlansPage() {
  const { id: tenant, paths, can } = useActing();
  const plans = usePages(tenant, '/api/v1/plans');
  const create = can('plans:write') && (
    <ButtonLink to={paths.newPlan} leftSection={<Plus size={16} />}>
      {t('tenancy.plan.make')}
    </ButtonLink>
  );
  return (
    <Page title={t('tenancy.plan.title')} description={t('tenancy.plan.text')} actions={plans.items?.length ? create : undefined}>
      <Section flush>
        <DataTable
          label={t('tenancy.plan.title')}
          rows={plans.items}
          rowKey={({ id }) => id}
          error={plans.error}
          retry={plans.retry}
          hasMore={plans.hasMore}
          loadMore={plans.loadMore}
          loadingMore={plans.loadingMore}
          empty={
            <Empty icon={Layers} title={t('tenancy.plan.emptyTitle')} action={create}>
              {t('tenancy.plan.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'name', header: t('tenancy.plan.name'), main: true, sort: ({ name }) => name.toLowerCase(), cell: ({ id, name }) => <TextLink to={paths.plan(id)}>{name}</TextLink> },
            { key: 'contents', header: t('tenancy.plan.contents'), cell: ({ entitlements }) => <EntitlementSummary entitlements={entitlements} /> },
            { key: 'version', header: t('tenancy.plan.version'), align: 'end', sort: ({ latest_version }) => latest_version, cell: ({ latest_version }) => count(latest_version) },
            { key: 'subscribers', header: t('tenancy.plan.subscribers'), align: 'end', sort: ({ subscribers }) => subscribers, cell: ({ subscribers }) => count(subscribers) },
            { key: 'state', header: t('tenancy.customer.state'), cell: ({ archived }) => <StateBadge state={archived ? 'archived' : 'active'} /> },
          ]}
        />
      </Section>
      {can('customers:read') && <SellingSettings />}
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/plans', cli: ['plan', 'list'] }} />
    </Page>
  );
}
