import { Button, Drawer, Group, Stack, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { ScrollText } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { actionText } from '@/ui/actions';
import { Empty } from '@/ui/feedback';
import { absoluteTime } from '@/ui/format';
import { Time } from '@/ui/state';
import { changes } from '../components/changes';
import { shortId, useNames } from '../components/who';
import classes from '../components/audit.module.css';

type Entry = Schemas['spine.AuditEntry'];
type Filter = 'subject' | 'actor' | 'action';
const FILTERS: Filter[] = ['action', 'subject', 'actor'];

export function AuditPage() {
  const { id: tenant } = useActing();
  const name = useNames();
  const [filters, setFilters] = useState<Record<Filter, string>>({ subject: '', actor: '', action: '' });
  const [settled] = useDebouncedValue(filters, 250);
  const [open, setOpen] = useState<Entry | null>(null);
  const query = Object.fromEntries(FILTERS.filter((name) => settled[name].trim()).map((name) => [`filter[${name}]`, settled[name].trim()]));
  const entries = usePages(tenant, '/api/v1/audit', { query });
  const filtered = Object.keys(query).length > 0;
  return (
    <Page title={t('spine.audit.title')} description={t('spine.audit.text')}>
      <Group gap="sm" mb="md" align="flex-end">
        {FILTERS.map((name) => (
          <TextInput key={name} label={t(`spine.audit.${name}`)} placeholder={t(`spine.audit.${name}Example`)} value={filters[name]} onChange={(event) => setFilters({ ...filters, [name]: event.currentTarget.value })} style={{ flex: '1 1 180px' }} maw={280} />
        ))}
        {filtered && (
          <Button variant="default" onClick={() => setFilters({ subject: '', actor: '', action: '' })}>
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
          columns={[
            {
              key: 'action',
              header: t('spine.audit.action'),
              main: true,
              cell: (entry) => (
                <button type="button" className={classes.open} onClick={() => setOpen(entry)}>
                  {actionText(entry.action)}
                </button>
              ),
            },
            { key: 'code', header: t('spine.audit.code'), wideOnly: true, cell: ({ action }) => <span className="mp-mono mp-dim">{action}</span> },
            { key: 'subject', header: t('spine.audit.subject'), cell: ({ subject }) => <span className="mp-mono mp-break" title={subject}>{shortId(subject)}</span> },
            { key: 'actor', header: t('spine.audit.actor'), cell: ({ actor }) => <span className="mp-break" title={actor}>{name(actor)}</span> },
            { key: 'time', header: t('spine.audit.time'), cell: ({ time }) => <Time iso={time} /> },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/audit', cli: ['audit', 'list', ...FILTERS.flatMap((name) => (settled[name].trim() ? [`--${name}`, settled[name].trim()] : []))] }} />
      <Drawer opened={open !== null} onClose={() => setOpen(null)} position="right" size={560} title={open && actionText(open.action)} closeButtonProps={{ 'aria-label': t('ui.action.close') }}>
        {open && <Detail entry={open} />}
      </Drawer>
    </Page>
  );
}

function Detail({ entry }: { entry: Entry }) {
  const diff = changes(entry.before, entry.after);
  const facts: [string, string | null | undefined][] = [
    [t('spine.audit.time'), absoluteTime(entry.time)],
    [t('spine.audit.code'), entry.action],
    [t('spine.audit.actor'), entry.actor],
    [t('spine.audit.assumedFrom'), entry.assumed_from],
    [t('spine.audit.subject'), entry.subject],
    [t('spine.audit.request'), entry.request_id],
  ];
  return (
    <Stack gap="lg">
      <dl className={classes.facts}>
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd className="mp-mono mp-break">{value ?? t('ui.none')}</dd>
          </div>
        ))}
      </dl>
      {diff.length > 0 && (
        <DataTable
          label={t('spine.audit.changes')}
          rows={diff}
          rowKey={({ field }) => field}
          empty={null}
          columns={[
            { key: 'field', header: t('spine.audit.field'), main: true, cell: ({ field }) => field },
            { key: 'before', header: t('spine.audit.before'), cell: ({ before }) => <del className={classes.before}>{before ?? t('ui.none')}</del> },
            { key: 'after', header: t('spine.audit.after'), cell: ({ after }) => <ins className={classes.after}>{after ?? t('ui.none')}</ins> },
          ]}
        />
      )}
    </Stack>
  );
}
