import { Building2, Plus } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import type { Tenant } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { ButtonLink, TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';
import { FindResource } from '../components/FindResource';

export function CustomersPage() {
  const { id: tenant, paths, can } = useActing();
  const customers = usePages(tenant, '/api/v1/tenants');
  // The list holds what the acting tenant may see, itself included on some servers: a customer of oneself makes no sense.
  const rows = customers.items?.filter(({ id }) => id !== tenant);
  const names = new Map(rows?.map(({ id, name }) => [id, name]));
  const nested = rows?.some(({ parent_id }) => parent_id !== tenant) ?? false;
  const seller = ({ parent_id }: Tenant) => names.get(parent_id ?? '') ?? '';
  const create = can('customers:write') && (
    <ButtonLink to={paths.newCustomer} leftSection={<Plus size={16} />}>
      {t('tenancy.customer.add')}
    </ButtonLink>
  );
  return (
    <Page title={t('tenancy.customer.title')} actions={rows?.length ? create : undefined}>
      {can('customers:write') && <FindResource />}
      <Section flush>
        <DataTable
          label={t('tenancy.customer.title')}
          rows={rows}
          rowKey={({ id }) => id}
          error={customers.error}
          retry={customers.retry}
          hasMore={customers.hasMore}
          loadMore={customers.loadMore}
          loadingMore={customers.loadingMore}
          empty={
            <Empty icon={Building2} title={t('tenancy.customer.emptyTitle')} action={create}>
              {t('tenancy.customer.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'name', header: t('tenancy.customer.name'), main: true, sort: ({ name }) => name.toLowerCase(), cell: ({ id, name }) => <TextLink to={paths.customer(id)}>{name}</TextLink> },
            { key: 'kind', header: t('tenancy.customer.kind'), sort: ({ kind }) => kind, cell: ({ kind }) => t(`shell.kind.${kind}`) },
            ...(nested ? [{ key: 'seller', header: t('tenancy.customer.seller'), sort: seller, cell: (row: Tenant) => (row.parent_id === tenant ? <span className="mp-dim">{t('tenancy.customer.direct')}</span> : seller(row)) }] : []),
            {
              key: 'plan',
              header: t('tenancy.customer.plan'),
              sort: ({ plan }) => plan?.name ?? '',
              // A reseller's plan is seen where it is sold.
              cell: ({ plan, parent_id }) => (plan ? parent_id === tenant ? <TextLink to={paths.plan(plan.id)}>{plan.name}</TextLink> : plan.name : <span className="mp-dim">{t('tenancy.customer.noPlan')}</span>),
            },
            { key: 'state', header: t('tenancy.customer.state'), sort: ({ state }) => state, cell: ({ state }) => <StateBadge state={state} /> },
            { key: 'since', header: t('tenancy.customer.since'), wideOnly: true, sort: ({ created_at }) => created_at, cell: ({ created_at }) => <Time iso={created_at} /> },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/tenants', cli: ['tenant', 'list'] }} />
    </Page>
  );
}
