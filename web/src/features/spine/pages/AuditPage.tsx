import { Button, Group } from '@mantine/core';
import { Download, ScrollText } from 'lucide-react';
import { Suspense, useState } from 'react';
import { useActing } from '@/api/acting';
import { ApiError } from '@/api/problem';
import { usePages } from '@/api/query';
import type { AuditEntry } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable, type Column } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { useDirectory } from '@/ui/directory';
import { Empty } from '@/ui/feedback';
import { lazyDialog } from '@/ui/lazyDialog';
import { StateBadge, Time } from '@/ui/state';
import { jobOf, storyOf } from '@/ui/story';
import { FilterBar } from '../components/FilterBar';
import { Retention } from '../components/Retention';
import classes from '../components/audit.module.css';
import { cliOf, exportUrl, queryOf, useFilters } from '../filters';

const DetailDrawer = lazyDialog(() => import('../components/DetailDrawer'), 'DetailDrawer');

const NOTHING: AuditEntry[] = [];

export function AuditPage() {
  const { id: tenant } = useActing();
  const [filters, change] = useFilters();
  const [open, setOpen] = useState<AuditEntry | null>(null);
  const [used, setUsed] = useState(false);
  if (open && !used) setUsed(true);
  const entries = usePages(tenant, '/api/v1/audit', { query: queryOf(filters) });
  const directory = useDirectory(entries.items ?? NOTHING);
  // Nothing to filter or to take away for who may not read it.
  const refused = entries.error instanceof ApiError && entries.error.status === 403;
  const filtered = Object.keys(filters).length > 0;
  const columns: Column<AuditEntry>[] = [
    {
      key: 'what',
      header: t('spine.audit.what'),
      main: true,
      cell: (entry) => (
        <button type="button" className={classes.open} onClick={() => setOpen(entry)}>
          <span>{storyOf(entry, directory)}</span>
          {entry.via && <span className={classes.under}>{jobOf(entry)}</span>}
        </button>
      ),
    },
    {
      key: 'outcome',
      header: t('spine.audit.outcome'),
      // What is usual needs no word; a sentence about what was refused says so itself.
      wideOnly: true,
      cell: ({ outcome }) => outcome === 'refused' && <StateBadge state="failed">{t('spine.audit.refused')}</StateBadge>,
    },
    { key: 'time', header: t('spine.audit.time'), cell: ({ time }) => <Time iso={time} /> },
  ];
  if (filters.scope) {
    columns.splice(1, 0, { key: 'tenant', header: t('spine.audit.tenant'), wideOnly: true, cell: ({ tenant_id }) => directory.name(tenant_id) ?? tenant_id });
  }
  return (
    <Page
      title={t('spine.audit.title')}
      description={t('spine.audit.text')}
      actions={
        !refused && (
          <Group gap="xs">
            {(['csv', 'ndjson'] as const).map((format) => (
              <Button key={format} component="a" href={exportUrl(tenant, filters, format)} download variant="default" leftSection={<Download size={16} />}>
                {t(format === 'csv' ? 'spine.audit.exportCsv' : 'spine.audit.exportNdjson')}
              </Button>
            ))}
          </Group>
        )
      }
    >
      {!refused && <FilterBar filters={filters} change={change} />}
      <Section flush>
        <DataTable
          label={t('spine.audit.title')}
          rows={entries.items}
          rowKey={({ id }) => id}
          error={entries.error}
          retry={entries.retry}
          hasMore={entries.hasMore}
          loadMore={entries.loadMore}
          loadingMore={entries.loadingMore}
          empty={
            <Empty icon={ScrollText} title={t(filtered ? 'spine.audit.noneTitle' : 'spine.audit.emptyTitle')}>
              {t(filtered ? 'spine.audit.noneText' : 'spine.audit.emptyText')}
            </Empty>
          }
          columns={columns}
        />
      </Section>
      <Retention />
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/audit', cli: cliOf(filters) }} />
      <Suspense fallback={null}>
        {used && (
          <DetailDrawer
            entry={open}
            directory={directory}
            close={() => setOpen(null)}
            narrow={(filter, value) => {
              const others = Object.fromEntries(Object.keys(filters).map((name) => [name, '']));
              change({ ...others, [filter]: value });
              setOpen(null);
            }}
          />
        )}
      </Suspense>
    </Page>
  );
}
