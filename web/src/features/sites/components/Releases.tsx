import { ActionIcon, Button, Group, Text } from '@mantine/core';
import { History, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { isRunning, useOperation } from '@/api/operations';
import { usePages, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { DataTable } from '@/ui/DataTable';
import { OperationSteps } from '@/ui/OperationSteps';
import { Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { bytes, count, sentence } from '@/ui/format';
import { StateBadge, Time } from '@/ui/state';
import { SITES, activateRelease, deleteRelease, type Release, type Site } from '../queries';

export function Releases({ site }: { site: Site }) {
  const { id: tenant, api, can } = useActing();
  const releases = usePages(tenant, '/api/v1/sites/{site_id}/releases', { path: { site_id: site.id } });
  const [doomed, setDoomed] = useState<Release | null>(null);
  const activate = useWrite((release: Release) => activateRelease(api, site.id, release.id), SITES);
  const remove = useWrite((release: Release) => deleteRelease(api, site.id, release.id), SITES);
  const switching = useOperation(tenant, activate.data?.operation_id ?? null).data;
  const busy = activate.isPending || (switching !== undefined && isRunning(switching));
  const current = releases.items?.find(({ id }) => id === site.active_release_id)?.number ?? 0;
  const may = can('sites:write');

  const actions = (release: Release) =>
    may && release.state === 'ready' ? (
      <Group gap={6} wrap="nowrap" justify="flex-end">
        <Button size="compact-sm" variant="default" disabled={busy} loading={activate.isPending && activate.variables.id === release.id} onClick={() => activate.mutate(release)} aria-label={t(release.number < current ? 'sites.release.rollbackTo' : 'sites.release.activateWhat', { number: release.number })}>
          {t(release.number < current ? 'sites.release.rollback' : 'sites.release.activate')}
        </Button>
        {can('sites:delete') && <Remove release={release} remove={setDoomed} />}
      </Group>
    ) : can('sites:delete') && release.state === 'failed' ? (
      <Remove release={release} remove={setDoomed} />
    ) : null;

  return (
    <>
      {activate.error && <ErrorNotice error={activate.error} />}
      {switching && switching.state !== 'succeeded' && (
        <Section title={t('sites.release.switching')}>
          <OperationSteps operation={switching} />
        </Section>
      )}
      <Section title={t('sites.release.title')} hint={t('sites.release.hint', { count: site.settings.keep_releases })} flush>
        <DataTable
          label={t('sites.release.title')}
          rows={releases.items}
          rowKey={({ id }) => id}
          error={releases.error}
          retry={releases.retry}
          hasMore={releases.hasMore}
          loadMore={releases.loadMore}
          loadingMore={releases.loadingMore}
          empty={
            <Empty icon={History} title={t('sites.release.emptyTitle')}>
              {t('sites.release.emptyText')}
            </Empty>
          }
          columns={[
            {
              key: 'number',
              header: t('sites.release.one'),
              main: true,
              cell: (release) => (
                <>
                  <Group gap={8}>
                    {t('sites.release.number', { number: release.number })}
                    <StateBadge state={release.id === site.active_release_id ? 'live' : release.state} tone={release.id === site.active_release_id ? 'ok' : undefined} />
                  </Group>
                  <Text size="sm" c="dimmed" fw={400} className="mp-break">
                    {release.note ?? release.source.filename}
                  </Text>
                  {release.problem && (
                    <Text size="sm" c="var(--mp-bad)" fw={400} className="mp-break">
                      {sentence(release.problem)}
                    </Text>
                  )}
                </>
              ),
            },
            { key: 'created', header: t('sites.release.uploaded'), cell: ({ created_at }) => <Time iso={created_at} /> },
            { key: 'files', header: t('sites.release.files'), align: 'end', cell: ({ files }) => (files == null ? t('ui.none') : count(files)) },
            { key: 'bytes', header: t('sites.release.size'), align: 'end', cell: ({ bytes: size }) => (size == null ? t('ui.none') : bytes(size)) },
            { key: 'actions', header: t('sites.release.actions'), hiddenHeader: true, align: 'end', cell: actions },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/sites/${site.id}/releases`, cli: ['site', 'releases', site.id] }} />
      <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('sites.release.deleteTitle')} action={t('ui.action.delete')} run={async () => doomed && remove.mutateAsync(doomed)}>
        {rich('sites.release.deleteText', { number: doomed?.number })}
      </ConfirmDelete>
    </>
  );
}

function Remove({ release, remove }: { release: Release; remove: (release: Release) => void }) {
  return (
    <ActionIcon variant="subtle" color="gray" onClick={() => remove(release)} aria-label={t('sites.release.deleteWhat', { number: release.number })}>
      <Trash2 size={15} />
    </ActionIcon>
  );
}
