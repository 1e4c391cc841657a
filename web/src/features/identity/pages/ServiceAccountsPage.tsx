import { Bot, Plus } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { t, tOr } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { ButtonLink, TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';

export function ServiceAccountsPage() {
  const { id: tenant, paths, can } = useActing();
  const list = usePages(tenant, '/api/v1/service-accounts');
  const create = can('services:write') && (
    <ButtonLink to={paths.newServiceAccount} leftSection={<Plus size={16} />}>
      {t('identity.services.create')}
    </ButtonLink>
  );
  return (
    <Page title={t('identity.services.title')} description={t('identity.services.text')} actions={list.items?.length ? create : undefined}>
      <Section flush>
        <DataTable
          label={t('identity.services.title')}
          rows={list.items}
          rowKey={({ id }) => id}
          error={list.error}
          retry={list.retry}
          hasMore={list.hasMore}
          loadMore={list.loadMore}
          loadingMore={list.loadingMore}
          empty={
            <Empty icon={Bot} title={t('identity.services.emptyTitle')} action={create}>
              {t('identity.services.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'name', header: t('identity.services.name'), main: true, sort: ({ name }) => name, cell: ({ id, name }) => <TextLink to={paths.serviceAccount(id)}>{name}</TextLink> },
            { key: 'role', header: t('identity.services.role'), cell: ({ role }) => tOr(`ui.role.${role}`, role) },
            { key: 'state', header: t('identity.services.state'), cell: (account) => <ServiceState disabled={account.disabled_at !== null} /> },
            { key: 'used', header: t('identity.services.used'), cell: ({ last_used_at }) => (last_used_at ? <Time iso={last_used_at} /> : t('identity.tokens.never')) },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/service-accounts', cli: ['service-account', 'list'] }} />
    </Page>
  );
}

export function ServiceState({ disabled }: { disabled: boolean }) {
  return (
    <StateBadge state={disabled ? 'paused' : 'active'} tone={disabled ? 'idle' : 'ok'}>
      {t(disabled ? 'identity.services.off' : 'identity.services.on')}
    </StateBadge>
  );
}
