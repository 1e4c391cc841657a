import { Group } from '@mantine/core';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { Server } from 'lucide-react';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty, ErrorNotice, Loading } from '@/ui/feedback';
import { count } from '@/ui/format';
import { StateBadge, Time } from '@/ui/state';

export function NodesPage() {
  const { id: tenant } = useActing();
  const nodes = usePages(tenant, '/api/v1/nodes');
  return (
    <Page title={t('fleet.title')} description={t('fleet.text')}>
      {nodes.error && !nodes.items && <ErrorNotice error={nodes.error} retry={nodes.retry} />}
      {nodes.pending && <Loading />}
      {nodes.items?.length === 0 && (
        <Section>
          <Empty icon={Server} title={t('fleet.emptyTitle')}>
            {t('fleet.emptyText')}
          </Empty>
        </Section>
      )}
      {nodes.items?.map((node) => (
        <Section
          key={node.id}
          title={node.name}
          flush
          actions={
            <Group gap="xs">
              <span className="mp-dim">{t('fleet.version', { version: node.version })}</span>
              <StateBadge state={node.state} tone={node.state === 'ready' ? 'ok' : undefined} />
            </Group>
          }
        >
          <DataTable
            label={t('fleet.processes', { name: node.name })}
            rows={node.processes}
            rowKey={({ process }) => process}
            empty={
              <Empty icon={Server} title={t('fleet.noProcesses')}>
                {t('fleet.noProcessesText')}
              </Empty>
            }
            columns={[
              { key: 'process', header: t('fleet.process'), main: true, cell: ({ process }) => process },
              { key: 'role', header: t('fleet.role'), cell: ({ role }) => t(`fleet.roles.${role}`) },
              { key: 'state', header: t('fleet.state'), cell: ({ connected }) => <StateBadge state={connected ? 'connected' : 'disconnected'} /> },
              { key: 'seq', header: t('fleet.seq'), align: 'end', wideOnly: true, cell: ({ acked_seq }) => count(acked_seq) },
              { key: 'seen', header: t('fleet.seen'), cell: ({ last_seen_at }) => <Time iso={last_seen_at} /> },
            ]}
          />
        </Section>
      ))}
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/nodes', cli: ['node', 'list'] }} />
    </Page>
  );
}
