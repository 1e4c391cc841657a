import { Globe, Plus } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { count } from '@/ui/format';
import { ButtonLink, TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';
import { zoneState } from '../components/zoneState';

export function ZonesPage() {
  const { id: tenant, paths, can } = useActing();
  const zones = usePages(tenant, '/api/v1/zones');
  const create = can('zones:write') && (
    <ButtonLink to={paths.newZone} leftSection={<Plus size={16} />}>
      {t('dns.zone.add')}
    </ButtonLink>
  );
  return (
    <Page title={t('dns.zone.title')} actions={zones.items?.length ? create : undefined}>
      <Section flush>
        <DataTable
          label={t('dns.zone.title')}
          rows={zones.items}
          rowKey={({ id }) => id}
          error={zones.error}
          retry={zones.retry}
          hasMore={zones.hasMore}
          loadMore={zones.loadMore}
          loadingMore={zones.loadingMore}
          empty={
            can('customers:read') ? (
              <Empty icon={Globe} title={t('dns.zone.emptySellerTitle')} action={create}>
                {rich('dns.zone.emptySellerText', { customers: <TextLink to={paths.customers}>{t('dns.zone.customers')}</TextLink> })}
              </Empty>
            ) : (
              <Empty icon={Globe} title={t('dns.zone.emptyTitle')} action={create}>
                {t('dns.zone.emptyText')}
              </Empty>
            )
          }
          columns={[
            { key: 'apex', header: t('dns.zone.apex'), main: true, sort: ({ apex }) => apex, cell: ({ id, apex }) => <TextLink to={paths.zone(id)}>{apex}</TextLink> },
            { key: 'state', header: t('dns.zone.state'), cell: (zone) => <StateBadge {...zoneState(zone)} /> },
            { key: 'records', header: t('dns.zone.records'), align: 'end', sort: ({ record_count }) => record_count, cell: ({ record_count }) => count(record_count) },
            { key: 'serial', header: t('dns.zone.serial'), align: 'end', wideOnly: true, cell: ({ serial }) => <span className="mp-num">{serial}</span> },
            { key: 'since', header: t('dns.zone.since'), wideOnly: true, sort: ({ created_at }) => created_at, cell: ({ created_at }) => <Time iso={created_at} /> },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/zones', cli: ['zone', 'list'] }} />
    </Page>
  );
}
