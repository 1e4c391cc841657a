import { Button } from '@mantine/core';
import { RefreshCw } from 'lucide-react';
import { useActing } from '@/api/acting';
import { useWhole } from '@/api/query';
import type { Reconciler } from '@/api/types';
import { t, tOr } from '@/i18n';
import { DataTable, type Column } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { sentence } from '@/ui/format';
import { StateBadge, Time, type Tone } from '@/ui/state';
import { useBackground } from '../queries';
import classes from './background.module.css';

const TONES: Record<Reconciler['state'], Tone> = { running: 'busy', well: 'ok', failing: 'bad' };

/** What keeps the platform as it is wanted: how the last passes went, and one more at once. */
export function Reconcilers() {
  const { id: tenant, can } = useActing();
  const all = useWhole(tenant, '/api/v1/reconcilers');
  const { run } = useBackground();
  const columns: Column<Reconciler>[] = [
    {
      key: 'name',
      header: t('spine.background.reconciler'),
      main: true,
      cell: ({ name, error, failing_since }) => (
        <>
          <div>{tOr(`spine.reconciler.${name.replaceAll('.', '_')}`, name)}</div>
          {error && (
            <div className={classes.problem}>
              {sentence(error)} <Time iso={failing_since} />
            </div>
          )}
        </>
      ),
    },
    { key: 'state', header: t('spine.background.state'), cell: ({ state }) => <StateBadge state="running" tone={TONES[state]}>{t(`spine.background.states.${state}`)}</StateBadge> },
    { key: 'last', header: t('spine.background.lastPass'), cell: ({ finished_at }) => <Time iso={finished_at} /> },
    { key: 'next', header: t('spine.background.nextPass'), wideOnly: true, cell: ({ next_at }) => <Time iso={next_at} /> },
    {
      key: 'actions',
      header: t('ui.actions'),
      hiddenHeader: true,
      align: 'end',
      cell: ({ name }) =>
        can('reconcilers:run') && (
          <Button size="compact-sm" variant="default" loading={run.isPending && run.variables === name} onClick={() => run.mutate(name)}>
            {t('spine.background.runNow')}
          </Button>
        ),
    },
  ];
  return (
    <Section flush title={t('spine.background.reconcilers')} hint={t('spine.background.reconcilersText')}>
      {run.error && <ErrorNotice error={run.error} />}
      <DataTable
        label={t('spine.background.reconcilers')}
        rows={all.items}
        rowKey={({ name }) => name}
        error={all.error}
        retry={all.retry}
        empty={
          <Empty small icon={RefreshCw} title={t('spine.background.reconcilersNone')}>
            {t('spine.background.reconcilersText')}
          </Empty>
        }
        columns={columns}
      />
    </Section>
  );
}
