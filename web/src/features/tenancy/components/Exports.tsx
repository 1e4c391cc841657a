import { Button, Checkbox, Group, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Download, PackageOpen } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { ApiError } from '@/api/problem';
import { getQuery, useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { DataTable } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { bytes } from '@/ui/format';
import { StateBadge, Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import { EXPORTS, createExport, deleteExport, downloadExport } from '../queries';
import classes from './tenancy.module.css';

type Export = Schemas['tenancy.Export'];

/** How often one that is being made is looked at: of tenants below no events come. */
const POLL_MS = 2000;

/** Archives of everything that is a tenant's: the acting one's, or one's below it. */
export function Exports({ tenant, seller, besides = false }: { tenant: string; seller: boolean; besides?: boolean }) {
  const { id: acting, api } = useActing();
  // On a page about something else it unfolds when it is wanted.
  const [wanted, setWanted] = useState(!besides);
  const [below, setBelow] = useState(false);
  const [all, setAll] = useState(false);
  const [reason, setReason] = useState('');
  const list = useQuery({
    ...getQuery(acting, '/api/v1/tenants/{tenant_id}/exports', { path: { tenant_id: tenant } }),
    refetchInterval: ({ state }) => (state.data?.items.some((one) => one.state === 'running') ? POLL_MS : false),
  });
  // Those below read why somebody above takes what is theirs.
  const told = below || tenant !== acting;
  const make = useWrite(() => createExport(api, tenant, { tenants_below: below, all_releases: all, reason: told ? reason : null }), EXPORTS);
  const remove = useWrite((one: Export) => deleteExport(api, tenant, one.id), EXPORTS);
  const running = list.data?.items.some(({ state }) => state === 'running') ?? false;
  const load = useWrite((one: Export) => downloadExport(acting, tenant, one), []);
  const error = make.error ?? remove.error ?? load.error;
  // Nothing to make either for who may not see them.
  if (list.error instanceof ApiError && list.error.status === 403) return <ErrorNotice error={list.error} />;
  if (!wanted && (list.data?.items.length ?? 0) === 0) {
    return (
      <Section
        title={t('tenancy.export.whole')}
        hint={t('tenancy.export.text')}
        actions={
          <Button size="compact-sm" variant="default" leftSection={<PackageOpen size={14} />} onClick={() => setWanted(true)}>
            {t('tenancy.export.make')}
          </Button>
        }
      />
    );
  }
  return (
    <>
      <Section title={t('tenancy.export.title')} hint={t('tenancy.export.text')}>
        <Stack gap="md">
          {error && <ErrorNotice error={error} />}
          <Stack gap="xs">
            <Checkbox label={t('tenancy.export.all')} checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
            {seller && <Checkbox label={t('tenancy.export.below')} checked={below} onChange={(event) => setBelow(event.currentTarget.checked)} />}
            {told && (
              <TextInput
                label={t('tenancy.export.reason')}
                description={t('tenancy.export.reasonHint')}
                maxLength={300}
                value={reason}
                onChange={(event) => setReason(event.currentTarget.value)}
              />
            )}
          </Stack>
          <Group>
            <Button loading={make.isPending} disabled={running || (told && reason.trim().length < 5)} onClick={() => make.mutate(undefined, { onSuccess: () => toast(t('tenancy.export.begun')) })}>
              {t('tenancy.export.make')}
            </Button>
          </Group>
        </Stack>
      </Section>
      <Section title={t('tenancy.export.kept')} flush>
        <DataTable
          label={t('tenancy.export.kept')}
          rows={list.data?.items}
          rowKey={({ id }) => id}
          error={list.error}
          retry={() => void list.refetch()}
          empty={
            <Empty small icon={PackageOpen} title={t('tenancy.export.emptyTitle')}>
              {t('tenancy.export.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'when', header: t('tenancy.export.when'), main: true, cell: ({ created_at }) => <Time iso={created_at} /> },
            { key: 'state', header: t('tenancy.export.state'), cell: (one) => <State one={one} /> },
            { key: 'size', header: t('tenancy.export.size'), align: 'end', cell: ({ size }) => (size === null ? '' : bytes(size)) },
            { key: 'until', header: t('tenancy.export.until'), wideOnly: true, cell: ({ expires_at }) => <Time iso={expires_at} /> },
            {
              key: 'actions',
              header: t('tenancy.export.actions'),
              hiddenHeader: true,
              align: 'end',
              cell: (one) => (
                <Group gap={6} justify="flex-end" className={classes.actions}>
                  {one.state === 'ready' && (
                    <Button size="compact-sm" loading={load.isPending} onClick={() => load.mutate(one)} leftSection={<Download size={14} />}>
                      {t('tenancy.export.download')}
                    </Button>
                  )}
                  {(one.state === 'ready' || one.state === 'running') && (
                    <Button size="compact-sm" variant="default" loading={remove.isPending} onClick={() => remove.mutate(one)}>
                      {t(one.state === 'ready' ? 'tenancy.export.remove' : 'tenancy.export.cancel')}
                    </Button>
                  )}
                </Group>
              ),
            },
          ]}
        />
      </Section>
    </>
  );
}

function State({ one: { state, progress, problem } }: { one: Export }) {
  return (
    <>
      <StateBadge state={state} /> {progress?.total && <span className="mp-dim">{t('tenancy.export.files', { done: progress.done, total: progress.total })}</span>}
      {problem && <span className="mp-dim mp-break">{problem}</span>}
    </>
  );
}
