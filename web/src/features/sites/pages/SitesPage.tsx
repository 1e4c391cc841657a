import { PanelsTopLeft, Plus } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { bytes, sentence } from '@/ui/format';
import { ButtonLink, OutLink, TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';
import { siteState } from '@/ui/siteState';

export function SitesPage() {
  const { id: tenant, paths, can } = useActing();
  const sites = usePages(tenant, '/api/v1/sites');
  const create = can('sites:write') && (
    <ButtonLink to={paths.newSite} leftSection={<Plus size={16} />}>
      {t('sites.add')}
    </ButtonLink>
  );
  return (
    <Page title={t('sites.title')} actions={sites.items?.length ? create : undefined}>
      <Section flush>
        <DataTable
          label={t('sites.title')}
          rows={sites.items}
          rowKey={({ id }) => id}
          error={sites.error}
          retry={sites.retry}
          hasMore={sites.hasMore}
          loadMore={sites.loadMore}
          loadingMore={sites.loadingMore}
          empty={
            can('customers:read') ? (
              <Empty icon={PanelsTopLeft} title={t('sites.emptySellerTitle')} action={create}>
                {rich('sites.emptySellerText', { customers: <TextLink to={paths.customers}>{t('sites.customers')}</TextLink> })}
              </Empty>
            ) : (
              <Empty icon={PanelsTopLeft} title={t('sites.emptyTitle')} action={create}>
                {t('sites.emptyText')}
              </Empty>
            )
          }
          columns={[
            { key: 'name', header: t('sites.name'), main: true, sort: ({ name }) => name.toLowerCase(), cell: ({ id, name }) => <TextLink to={paths.site(id)}>{name}</TextLink> },
            {
              key: 'state',
              header: t('sites.state'),
              sort: (site) => siteState(site).state,
              cell: (site) => (
                <span title={sentence(site.status.summary)}>
                  <StateBadge {...siteState(site)} />
                </span>
              ),
            },
            { key: 'url', header: t('sites.address'), cell: ({ url, preview_url }) => <OutLink href={url ?? preview_url} /> },
            { key: 'disk', header: t('sites.disk'), align: 'end', sort: ({ disk_bytes }) => disk_bytes, cell: ({ disk_bytes }) => bytes(disk_bytes) },
            { key: 'since', header: t('sites.since'), wideOnly: true, sort: ({ created_at }) => created_at, cell: ({ created_at }) => <Time iso={created_at} /> },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/sites', cli: ['site', 'list'] }} />
    </Page>
  );
}
