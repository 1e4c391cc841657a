import { Button, Drawer, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ListChecks } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { unwrap } from '@/api/client';
import { isRunning, useOperations } from '@/api/operations';
import { getQuery, useWrite } from '@/api/query';
import type { Operation } from '@/api/types';
import { t } from '@/i18n';
import { OperationSteps, operationTitle } from '@/ui/OperationSteps';
import { Empty, ErrorNotice, Loading } from '@/ui/feedback';
import { useFocusBack } from '@/ui/focus';
import { StateBadge, Time } from '@/ui/state';
import classes from './OperationsList.module.css';

export function OperationsDrawer({ opened, close }: { opened: boolean; close: () => void }) {
  useFocusBack(opened);
  return (
    <Drawer opened={opened} onClose={close} position="right" size={420} title={t('shell.operations.title')} closeButtonProps={{ 'aria-label': t('ui.action.close') }}>
      <OperationsList />
    </Drawer>
  );
}

function OperationsList() {
  const { id } = useActing();
  const { data, error, refetch } = useOperations(id);
  if (error && !data) return <ErrorNotice error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.items.length === 0) {
    return (
      <Empty icon={ListChecks} title={t('shell.operations.emptyTitle')}>
        {t('shell.operations.emptyText')}
      </Empty>
    );
  }
  return (
    <Stack gap="sm">
      {data.items.map((operation) => (
        <Item key={operation.id} operation={operation} />
      ))}
    </Stack>
  );
}

function Item({ operation }: { operation: Operation }) {
  const { id, api } = useActing();
  const sites = useQuery(getQuery(id, '/api/v1/sites', { query: { limit: 200 } }));
  const site = sites.data?.items.find((one) => one.id === operation.subject);
  const running = isRunning(operation);
  const [chosen, setChosen] = useState<boolean | null>(null);
  const open = chosen ?? (running || operation.state === 'failed');
  const cancel = useWrite(
    () => unwrap(api.POST('/api/v1/operations/{operation_id}/cancel', { params: { path: { operation_id: operation.id } } })),
    ['/api/v1/operations'],
  );
  return (
    <div className={classes.item}>
      <button type="button" className={classes.head} onClick={() => setChosen(!open)} aria-expanded={open}>
        <span>
          <span className={classes.title}>{operationTitle(operation)}</span>
          {site && <span className="mp-dim"> · {site.name}</span>}
        </span>
        <StateBadge state={operation.state} />
        <span className={classes.when}>
          <Time iso={operation.created_at} />
        </span>
      </button>
      {open && (
        <div className={classes.body}>
          <OperationSteps operation={operation} />
          {operation.cancellable && (
            <Button size="compact-xs" variant="default" mt="sm" loading={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
              {t('shell.operations.cancel')}
            </Button>
          )}
          {running && operation.cancel_requested && <div className="mp-dim">{t('shell.operations.cancelling')}</div>}
          {running && !operation.cancellable && !operation.cancel_requested && operation.state === 'running' && <div className="mp-dim">{t('shell.operations.noWayBack')}</div>}
          {cancel.error && <ErrorNotice error={cancel.error} />}
        </div>
      )}
    </div>
  );
}
