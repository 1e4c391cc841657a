import { Button } from '@mantine/core';
import { RefreshCw } from 'lucide-react';
import { useActing } from '@/api/acting';
import { useWhole } from '@/api/query';
import type { EventConsumer } from '@/api/types';
import { t, tOr } from '@/i18n';
import { DataTable, type Column } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { StateBadge } from '@/ui/state';
import { useEvents } from '../queries';

export const consumerTitle = (name: string) => tOr(`spine.consumer.${name.replaceAll('.', '_')}`, name);

/** What is kept in step with events: how far it is, and building it anew. */
export function EventConsumers() {
  const { id: tenant, can } = useActing();
  const all = useWhole(tenant, '/api/v1/event-consumers');
  const { rebuild } = useEvents();
  const columns: Column<EventConsumer>[] = [
    { key: 'name', header: t('spine.events.consumer'), main: true, cell: ({ name }) => consumerTitle(name) },
    {
      key: 'state',
      header: t('spine.background.state'),
      cell: ({ rebuilding, dead }) => (
        <StateBadge state="running" tone={rebuilding ? 'busy' : dead > 0 ? 'bad' : 'ok'}>
          {t(rebuilding ? 'spine.events.rebuilding' : dead > 0 ? 'spine.events.lacking' : 'spine.events.inStep')}
        </StateBadge>
      ),
    },
    { key: 'lag', header: t('spine.events.lag'), align: 'end', cell: ({ lag }) => <span className="mp-num">{lag}</span> },
    { key: 'waiting', header: t('spine.events.waiting'), align: 'end', wideOnly: true, cell: ({ waiting }) => <span className="mp-num">{waiting}</span> },
    {
      key: 'actions',
      header: t('ui.actions'),
      hiddenHeader: true,
      align: 'end',
      cell: ({ name }) =>
        can('consumers:rebuild') && (
          <Button size="compact-sm" variant="default" loading={rebuild.isPending && rebuild.variables === name} onClick={() => rebuild.mutate(name)}>
            {t('spine.events.rebuild')}
          </Button>
        ),
    },
  ];
  return (
    <Section flush title={t('spine.events.consumers')} hint={t('spine.events.consumersText')}>
      {rebuild.error && <ErrorNotice error={rebuild.error} />}
      <DataTable
        label={t('spine.events.consumers')}
        rows={all.items}
        rowKey={({ name }) => name}
        error={all.error}
        retry={all.retry}
        empty={
          <Empty small icon={RefreshCw} title={t('spine.events.consumersNone')}>
            {t('spine.events.consumersText')}
          </Empty>
        }
        columns={columns}
      />
    </Section>
  );
}
