import { Building2, Plus } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { t, tOr } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { ButtonLink, TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';

export function CustomersPage() {
  const { id: tenant, paths, can } = useActing();
  const customers = usePages(tenant, '/api/v1/tenants');
  // The list holds what the acting tenant may see, itself included on some servers: a customer of oneself makes no sense.
  const rows = customers.items?.filter(({ id }) => id !== tenant);
  const create = can('customers:write') && (
    <ButtonLink to={paths.newCustomer} leftSection={<Plus size={16} />}>
      {t('tenancy.customer.add')}
    </ButtonLink>
  );
  return (
    <Page title={t('tenancy.customer.title')} actions={rows?.length ? create : undefined}>
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
            { key: 'kind', header: t('tenancy.customer.kind'), sort: ({ kind }) => kind, cell: ({ kind }) => tOr(`shell.kind.${kind}`, kind) },
            {
              key: 'plan',
              header: t('tenancy.customer.plan'),
              sort: ({ plan }) => plan?.name ?? '',
              cell: ({ plan }) => (plan ? <TextLink to={paths.plan(plan.id)}>{plan.name}</TextLink> : <span className="mp-dim">{t('tenancy.customer.noPlan')}</span>),
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
