import { Button } from '@mantine/core';
import { CircleCheck, RotateCcw } from 'lucide-react';
import { useActing } from '@/api/acting';
import { useWhole } from '@/api/query';
import type { StuckObject } from '@/api/types';
import { t, tOr } from '@/i18n';
import { DataTable, type Column } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { sentence } from '@/ui/format';
import { TextLink } from '@/ui/links';
import { Time } from '@/ui/state';
import { useBackground } from '../queries';
import { OfTenant } from './OfTenant';
import classes from './background.module.css';

/** What cannot be brought to what is wanted and is tried again by itself, later and later. */
export function StuckObjects({ everybody }: { everybody: boolean }) {
  const { id: tenant, paths, can } = useActing();
  const stuck = useWhole(tenant, '/api/v1/stuck-objects');
  const { tryNow } = useBackground();
  const columns: Column<StuckObject>[] = [
    {
      key: 'name',
      header: t('spine.background.object'),
      main: true,
      cell: (object) => (
        <>
          {object.subject.startsWith('site_') && object.tenant_id === tenant ? <TextLink to={paths.site(object.subject)}>{object.name}</TextLink> : <div>{object.name}</div>}
          <div className={classes.problem}>{sentence(object.problem)}</div>
          <div className="mp-dim">{tOr(`spine.reconciler.${object.reconciler.replaceAll('.', '_')}`, object.reconciler)}</div>
        </>
      ),
    },
    { key: 'since', header: t('spine.background.since'), cell: ({ since }) => <Time iso={since} /> },
    { key: 'next', header: t('spine.background.next'), cell: ({ next_at }) => <Time iso={next_at} /> },
    { key: 'failures', header: t('spine.background.failures'), align: 'end', wideOnly: true, cell: ({ failures }) => <span className="mp-num">{failures}</span> },
    {
      key: 'actions',
      header: t('ui.actions'),
      hiddenHeader: true,
      align: 'end',
      cell: ({ subject }) =>
        can('background:write') && (
          <Button size="compact-sm" variant="default" loading={tryNow.isPending && tryNow.variables === subject} onClick={() => tryNow.mutate(subject)}>
            {t('spine.background.tryNow')}
          </Button>
        ),
    },
  ];
  if (everybody) columns.splice(1, 0, { key: 'tenant', header: t('spine.background.tenant'), cell: ({ tenant_id }) => <OfTenant id={tenant_id} /> });
  return (
    <Section
      flush
      title={t('spine.background.stuck')}
      hint={t('spine.background.stuckText')}
      actions={
        (stuck.items?.length ?? 0) > 1 &&
        can('background:write') && (
          <Button size="compact-sm" variant="default" leftSection={<RotateCcw size={14} />} loading={tryNow.isPending && tryNow.variables === undefined} onClick={() => tryNow.mutate(undefined)}>
            {t('spine.background.tryAll')}
          </Button>
        )
      }
    >
      {tryNow.error && <ErrorNotice error={tryNow.error} />}
      <DataTable
        label={t('spine.background.stuck')}
        rows={stuck.items}
        rowKey={({ reconciler, subject }) => `${reconciler} ${subject}`}
        error={stuck.error}
        retry={stuck.retry}
        empty={
          <Empty small icon={CircleCheck} title={t('spine.background.stuckNone')}>
            {t('spine.background.stuckNoneText')}
          </Empty>
        }
        columns={columns}
      />
    </Section>
  );
}
