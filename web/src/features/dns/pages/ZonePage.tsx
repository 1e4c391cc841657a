import { ActionIcon, Button, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { ListTree, Pencil, Plus, Trash2 } from 'lucide-react';
import { Suspense, useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, usePages, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { CopyField } from '@/ui/Copy';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty, ErrorNotice, Loading } from '@/ui/feedback';
import { duration, sentence } from '@/ui/format';
import { lazyDialog } from '@/ui/lazyDialog';
import { useParam } from '@/ui/route';
import { StateBadge } from '@/ui/state';
import { relativeName } from '../components/recordName';
import { zoneState } from '../components/zoneState';
import { ZONES, deleteRecord, deleteZone, type DnsRecord, type Zone } from '../queries';

const RecordForm = lazyDialog(() => import('../forms/RecordForm'), 'RecordForm');

export function ZonePage() {
  const { id: tenant, api, paths, can } = useActing();
  const navigate = useNavigate();
  const id = useParam('zone');
  const { data: zone, error, refetch } = useQuery(getQuery(tenant, '/api/v1/zones/{zone_id}', { path: { zone_id: id } }));
  const [deleting, deleteControl] = useDisclosure(false);
  const remove = useWrite(() => deleteZone(api, id), ZONES);
  const back = { to: paths.zones, label: t('dns.zone.title') };
  if (!zone) {
    return (
      <Page title={t('dns.zone.one')} back={back}>
        {error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />}
      </Page>
    );
  }
  return (
    <Page
      title={zone.apex}
      heading={
        <Group gap="sm">
          {zone.apex} <StateBadge {...zoneState(zone)} />
        </Group>
      }
      description={sentence(zone.status.message)}
      back={back}
      actions={
        can('zones:write') && (
          <Button variant="default" color="red" onClick={deleteControl.open}>
            {t('dns.zone.delete')}
          </Button>
        )
      }
    >
      <Records zone={zone} />
      <Section title={t('dns.zone.nameservers')} hint={t('dns.zone.nameserversHint')}>
        <CopyField label={t('dns.zone.nameservers')} value={zone.nameservers.join('\n')} />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/zones/${id}/records`, cli: ['record', 'list', zone.apex] }} />
      <ConfirmDelete
        opened={deleting}
        close={deleteControl.close}
        title={t('dns.zone.deleteTitle', { apex: zone.apex })}
        name={zone.apex}
        action={t('dns.zone.delete')}
        run={async () => {
          await remove.mutateAsync(undefined);
          await navigate({ to: paths.zones });
        }}
      >
        {t('dns.zone.deleteText', { count: zone.record_count })}
      </ConfirmDelete>
    </Page>
  );
}

function Records({ zone }: { zone: Zone }) {
  const { id: tenant, api, can } = useActing();
  const records = usePages(tenant, '/api/v1/zones/{zone_id}/records', { path: { zone_id: zone.id } });
  const [editing, setEditing] = useState<DnsRecord | 'new' | null>(null);
  const [doomed, setDoomed] = useState<DnsRecord | null>(null);
  const remove = useWrite((record: DnsRecord) => deleteRecord(api, zone.id, record.id), ZONES);
  const may = can('records:write');
  const add = may && (
    <Button size="compact-sm" leftSection={<Plus size={15} />} onClick={() => setEditing('new')}>
      {t('dns.record.add')}
    </Button>
  );
  return (
    <Section title={t('dns.record.title')} flush actions={records.items?.length ? add : undefined}>
      <DataTable
        label={t('dns.record.title')}
        rows={records.items}
        rowKey={({ id }) => id}
        error={records.error}
        retry={records.retry}
        hasMore={records.hasMore}
        loadMore={records.loadMore}
        loadingMore={records.loadingMore}
        empty={
          <Empty icon={ListTree} title={t('dns.record.emptyTitle')} action={add}>
            {t('dns.record.emptyText')}
          </Empty>
        }
        columns={[
          { key: 'name', header: t('dns.record.name'), main: true, sort: ({ name }) => name, cell: ({ name }) => <span className="mp-mono" title={name}>{relativeName(name, zone.apex)}</span> },
          { key: 'type', header: t('dns.record.type'), sort: ({ type }) => type, cell: ({ type }) => type },
          { key: 'data', header: t('dns.record.data'), cell: ({ data }) => <span className="mp-mono mp-break">{data}</span> },
          { key: 'ttl', header: t('dns.record.ttl'), align: 'end', sort: ({ ttl }) => ttl, cell: ({ ttl }) => <span title={`${ttl} s`}>{duration(ttl)}</span> },
          {
            key: 'actions',
            header: t('dns.record.actions'),
            hiddenHeader: true,
            align: 'end',
            cell: (record) =>
              record.managed ? (
                <span title={t('dns.record.managedHint')}>
                  <StateBadge state="managed" tone="idle">
                    {t('dns.record.managed')}
                  </StateBadge>
                </span>
              ) : (
                may && (
                  <Group gap={2} wrap="nowrap" justify="flex-end">
                    <ActionIcon variant="subtle" color="gray" onClick={() => setEditing(record)} aria-label={t('dns.record.editWhat', { name: relativeName(record.name, zone.apex), type: record.type })}>
                      <Pencil size={15} />
                    </ActionIcon>
                    <ActionIcon variant="subtle" color="gray" onClick={() => setDoomed(record)} aria-label={t('dns.record.deleteWhat', { name: relativeName(record.name, zone.apex), type: record.type })}>
                      <Trash2 size={15} />
                    </ActionIcon>
                  </Group>
                )
              ),
          },
        ]}
      />
      <Suspense fallback={null}>{editing && <RecordForm zone={zone} record={editing === 'new' ? undefined : editing} close={() => setEditing(null)} />}</Suspense>
      <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('dns.record.deleteTitle')} action={t('ui.action.delete')} run={async () => doomed && remove.mutateAsync(doomed)}>
        {rich('dns.record.deleteText', { record: <strong className="mp-mono">{doomed && `${doomed.name} ${doomed.type} ${doomed.data}`}</strong> })}
      </ConfirmDelete>
    </Section>
  );
}
