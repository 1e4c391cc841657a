import { useState } from 'react';
import { Button, Group, Text } from '@mantine/core';
import { CircleCheck, RotateCcw } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import type { DeadEvent } from '@/api/types';
import { t } from '@/i18n';
import { ConfirmDialog } from '@/ui/ConfirmDialog';
import { DataTable, type Column } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { sentence } from '@/ui/format';
import { Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import { useEvents } from '../queries';
import { consumerTitle } from './EventConsumers';
import { OfTenant } from './OfTenant';
import classes from './background.module.css';

/** Events that were not taken on and are tried no more, until somebody has looked at them. */
export function DeadEvents() {
  const { id: tenant, can } = useActing();
  const events = usePages(tenant, '/api/v1/dead-events');
  const { retry, retryAll, discard } = useEvents();
  const [discarding, setDiscarding] = useState<DeadEvent | null>(null);
  const consumers = [...new Set(events.items?.map(({ consumer }) => consumer))];
  const columns: Column<DeadEvent>[] = [
    {
      key: 'what',
      header: t('spine.events.event'),
      main: true,
      cell: (event) => (
        <>
          <div className="mp-mono mp-break">{event.event}</div>
          <div className={classes.problem}>{sentence(event.error)}</div>
          <div className="mp-dim">{consumerTitle(event.consumer)}</div>
          <div className="mp-dim mp-mono mp-break">{event.resource}</div>
        </>
      ),
    },
    { key: 'tenant', header: t('spine.background.tenant'), cell: ({ tenant_id }) => <OfTenant id={tenant_id} /> },
    { key: 'behind', header: t('spine.events.behind'), align: 'end', wideOnly: true, cell: ({ behind }) => <span className="mp-num">{behind}</span> },
    { key: 'died', header: t('spine.background.died'), cell: ({ died_at }) => <Time iso={died_at} /> },
    {
      key: 'actions',
      header: t('ui.actions'),
      hiddenHeader: true,
      align: 'end',
      cell: (event) => (
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {can('events:write') && (
            <Button
              size="compact-sm"
              variant="default"
              loading={retry.isPending && retry.variables === event.id}
              onClick={() => retry.mutate(event.id, { onSuccess: () => toast(t('spine.background.retried')) })}
            >
              {t('spine.background.retry')}
            </Button>
          )}
          {can('events:discard') && (
            <Button size="compact-sm" variant="subtle" color="red" onClick={() => setDiscarding(event)}>
              {t('spine.background.discard')}
            </Button>
          )}
        </Group>
      ),
    },
  ];
  const again = consumers.length === 1 && (events.items?.length ?? 0) > 1 ? consumers[0] : undefined;
  return (
    <Section
      flush
      title={t('spine.events.dead')}
      hint={t('spine.events.deadText')}
      actions={
        again &&
        can('events:write') && (
          <Button size="compact-sm" variant="default" leftSection={<RotateCcw size={14} />} loading={retryAll.isPending} onClick={() => retryAll.mutate(again)}>
            {t('spine.background.retryAll')}
          </Button>
        )
      }
    >
      {(retry.error ?? retryAll.error) && <ErrorNotice error={retry.error ?? retryAll.error} />}
      <DataTable
        label={t('spine.events.dead')}
        rows={events.items}
        rowKey={({ id }) => id}
        error={events.error}
        retry={events.retry}
        hasMore={events.hasMore}
        loadMore={events.loadMore}
        loadingMore={events.loadingMore}
        empty={
          <Empty small icon={CircleCheck} title={t('spine.events.deadNone')}>
            {t('spine.events.deadNoneText')}
          </Empty>
        }
        columns={columns}
      />
      <ConfirmDialog
        opened={discarding !== null}
        close={() => setDiscarding(null)}
        title={t('spine.events.discardTitle')}
        action={t('spine.background.discard')}
        run={() => discard.mutateAsync(discarding?.id ?? '')}
      >
        <Text component="span">{discarding && t('spine.events.discardText', { what: discarding.event })}</Text>
      </ConfirmDialog>
    </Section>
  );
}
