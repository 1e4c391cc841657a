import { Button, Drawer, Group, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { ScrollText } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import type { AuditEntry } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable, type Column } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { useDirectory } from '@/ui/directory';
import { Empty } from '@/ui/feedback';
import { Time } from '@/ui/state';
import { jobOf, storyOf } from '@/ui/story';
import { Detail, addressOf } from '../components/Detail';
import classes from '../components/audit.module.css';

type Filter = 'subject' | 'actor' | 'action';
const FILTERS: Filter[] = ['action', 'subject', 'actor'];
const NONE: Record<Filter, string> = { subject: '', actor: '', action: '' };
const NOTHING: AuditEntry[] = [];

export function AuditPage() {
  const { id: tenant } = useActing();
  const [filters, setFilters] = useState(NONE);
  const [settled] = useDebouncedValue(filters, 250);
  const [open, setOpen] = useState<AuditEntry | null>(null);
  const query = Object.fromEntries(FILTERS.filter((name) => settled[name].trim()).map((name) => [`filter[${name}]`, settled[name].trim()]));
  const entries = usePages(tenant, '/api/v1/audit', { query });
  const directory = useDirectory(entries.items ?? NOTHING);
  const filtered = Object.keys(query).length > 0;
  const columns: Column<AuditEntry>[] = [
    {
      key: 'what',
      header: t('spine.audit.what'),
      main: true,
      cell: (entry) => (
        <button type="button" className={classes.open} onClick={() => setOpen(entry)}>
          <span>{storyOf(entry, directory)}</span>
          <span className={classes.under}>{[entry.action, entry.via && jobOf(entry)].filter(Boolean).join(' · ')}</span>
        </button>
      ),
    },
    { key: 'time', header: t('spine.audit.time'), cell: ({ time }) => <Time iso={time} /> },
  ];
  if (entries.items?.some(addressOf)) {
    columns.splice(1, 0, { key: 'address', header: t('spine.audit.address'), wideOnly: true, cell: (entry) => <span className="mp-mono">{addressOf(entry) ?? t('ui.none')}</span> });
  }
  return (
    <Page title={t('spine.audit.title')} description={t('spine.audit.text')}>
      <Group gap="sm" mb="md" align="flex-end">
        {FILTERS.map((name) => (
          <TextInput key={name} label={t(`spine.audit.${name}`)} placeholder={t(`spine.audit.${name}Example`)} value={filters[name]} onChange={(event) => setFilters({ ...filters, [name]: event.currentTarget.value })} style={{ flex: '1 1 180px' }} maw={{ base: '100%', sm: 280 }} />
        ))}
        {filtered && (
          <Button variant="default" onClick={() => setFilters(NONE)}>
            {t('spine.audit.clear')}
          </Button>
        )}
      </Group>
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
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/audit', cli: ['audit', 'list', ...FILTERS.flatMap((name) => (settled[name].trim() ? [`--${name}`, settled[name].trim()] : []))] }} />
      <Drawer opened={open !== null} onClose={() => setOpen(null)} position="right" size={520} title={t('spine.audit.one')} closeButtonProps={{ 'aria-label': t('ui.action.close') }}>
        {open && (
          <Detail
            entry={open}
            directory={directory}
            narrow={(filter, value) => {
              setFilters({ ...NONE, [filter]: value });
              setOpen(null);
            }}
          />
        )}
      </Drawer>
    </Page>
  );
}
