import { Button, Group, Text } from '@mantine/core';
import { MailCheck, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import type { DeadJob } from '@/api/types';
import { t, tOr } from '@/i18n';
import { ConfirmDialog } from '@/ui/ConfirmDialog';
import { DataTable, type Column } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { sentence } from '@/ui/format';
import { Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import { useBackground } from '../queries';
import { OfTenant } from './OfTenant';
import classes from './background.module.css';

export const jobTitle = (kind: string) => tOr(`spine.job.${kind.replaceAll('.', '_')}`, kind);

/** Jobs that were given up, until somebody has looked at them. */
export function DeadJobs({ everybody }: { everybody: boolean }) {
  const { id: tenant, can } = useActing();
  const jobs = usePages(tenant, '/api/v1/dead-jobs');
  const { retry, retryAll, discard } = useBackground();
  const [discarding, setDiscarding] = useState<DeadJob | null>(null);
  const kinds = [...new Set(jobs.items?.map(({ kind }) => kind))];
  const columns: Column<DeadJob>[] = [
    {
      key: 'what',
      header: t('spine.background.what'),
      main: true,
      cell: (job) => (
        <>
          <div>{jobTitle(job.kind)}</div>
          <div className={classes.problem}>{sentence(job.error)}</div>
          <details className={classes.details}>
            <summary>{t('spine.background.details')}</summary>
            <code className={classes.payload}>{JSON.stringify(job.payload)}</code>
            <div className="mp-dim mp-mono mp-break">{job.id}</div>
          </details>
        </>
      ),
    },
    { key: 'attempts', header: t('spine.background.attempts'), align: 'end', wideOnly: true, cell: ({ attempts }) => <span className="mp-num">{attempts}</span> },
    { key: 'died', header: t('spine.background.died'), cell: ({ died_at }) => <Time iso={died_at} /> },
    {
      key: 'actions',
      header: t('ui.actions'),
      hiddenHeader: true,
      align: 'end',
      cell: (job) => (
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {can('background:write') && (
            <Button
              size="compact-sm"
              variant="default"
              loading={retry.isPending && retry.variables === job.id}
              onClick={() => retry.mutate(job.id, { onSuccess: () => toast(t('spine.background.retried')) })}
            >
              {t('spine.background.retry')}
            </Button>
          )}
          {can('background:discard') && (
            <Button size="compact-sm" variant="subtle" color="red" onClick={() => setDiscarding(job)}>
              {t('spine.background.discard')}
            </Button>
          )}
        </Group>
      ),
    },
  ];
  if (everybody) columns.splice(1, 0, { key: 'tenant', header: t('spine.background.tenant'), cell: ({ tenant_id }) => <OfTenant id={tenant_id} /> });
  const again = kinds.length === 1 && (jobs.items?.length ?? 0) > 1 ? kinds[0] : undefined;
  return (
    <Section
      flush
      title={t('spine.background.dead')}
      hint={t('spine.background.deadText')}
      actions={
        again &&
        can('background:write') && (
          <Button size="compact-sm" variant="default" leftSection={<RotateCcw size={14} />} loading={retryAll.isPending} onClick={() => retryAll.mutate(again)}>
            {t('spine.background.retryAll')}
          </Button>
        )
      }
    >
      {(retry.error ?? retryAll.error) && <ErrorNotice error={retry.error ?? retryAll.error} />}
      <DataTable
        label={t('spine.background.dead')}
        rows={jobs.items}
        rowKey={({ id }) => id}
        error={jobs.error}
        retry={jobs.retry}
        hasMore={jobs.hasMore}
        loadMore={jobs.loadMore}
        loadingMore={jobs.loadingMore}
        empty={
          <Empty small icon={MailCheck} title={t('spine.background.deadNone')}>
            {t('spine.background.deadNoneText')}
          </Empty>
        }
        columns={columns}
      />
      <ConfirmDialog
        opened={discarding !== null}
        close={() => setDiscarding(null)}
        title={t('spine.background.discardTitle')}
        action={t('spine.background.discard')}
        run={() => discard.mutateAsync(discarding?.id ?? '')}
      >
        <Text component="span">{discarding && t('spine.background.discardText', { what: jobTitle(discarding.kind) })}</Text>
      </ConfirmDialog>
    </Section>
  );
}
