import { useQuery } from '@tanstack/react-query';
import { Plus, ShieldCheck } from 'lucide-react';
import { useActing } from '@/api/acting';
import { getQuery, usePages } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty, ErrorNotice, Loading } from '@/ui/feedback';
import { count } from '@/ui/format';
import { ButtonLink, TextLink } from '@/ui/links';
import { RoleMatrix } from '../components/RoleMatrix';

export function RolesPage() {
  const { id: tenant, paths, can } = useActing();
  const roles = usePages(tenant, '/api/v1/roles');
  const { data: table, error, refetch } = useQuery(getQuery(tenant, '/api/v1/permissions'));
  const create = can('roles:write') && (
    <ButtonLink to={paths.newRole} leftSection={<Plus size={16} />}>
      {t('tenancy.role.make')}
    </ButtonLink>
  );
  return (
    <Page title={t('tenancy.role.title')} description={t('tenancy.role.text')} actions={roles.items?.length ? create : undefined}>
      <Section flush>
        <DataTable
          label={t('tenancy.role.title')}
          rows={roles.items}
          rowKey={({ id }) => id}
          error={roles.error}
          retry={roles.retry}
          hasMore={roles.hasMore}
          loadMore={roles.loadMore}
          loadingMore={roles.loadingMore}
          empty={
            <Empty icon={ShieldCheck} title={t('tenancy.role.emptyTitle')} action={create}>
              {t('tenancy.role.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'name', header: t('tenancy.role.name'), main: true, sort: ({ name }) => name.toLowerCase(), cell: ({ id, name }) => <TextLink to={paths.role(id)}>{name}</TextLink> },
            { key: 'description', header: t('tenancy.role.description'), cell: ({ description }) => description },
            { key: 'permissions', header: t('tenancy.role.permissions'), align: 'end', sort: ({ permissions }) => permissions.length, cell: ({ permissions }) => count(permissions.length) },
            { key: 'members', header: t('tenancy.role.members'), align: 'end', sort: ({ members }) => members, cell: ({ members }) => count(members) },
          ]}
        />
      </Section>
      <Section title={t('tenancy.role.builtIn')} hint={t('tenancy.role.builtInHint')} flush>
        {error && <ErrorNotice error={error} retry={() => void refetch()} />}
        {table ? <RoleMatrix table={table} /> : !error && <Loading />}
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/roles', cli: ['role', 'list'] }} />
    </Page>
  );
}
