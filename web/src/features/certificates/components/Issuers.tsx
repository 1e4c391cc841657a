import { ActionIcon, Button } from '@mantine/core';
import { Landmark, Plus, Trash2 } from 'lucide-react';
import { Suspense, useState } from 'react';
import { useActing } from '@/api/acting';
import { usePages, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { DataTable } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { lazyDialog } from '@/ui/lazyDialog';
import { StateBadge, Time } from '@/ui/state';
import { ISSUERS, deleteIssuer, type Issuer } from '../queries';

const IssuerForm = lazyDialog(() => import('../forms/IssuerForm'), 'IssuerForm');
const TONES = { ready: 'ok', registering: 'busy', paused: 'warn' } as const;

/** The public authorities, for the platform's staff. */
export function Issuers() {
  const { id: tenant, api, can } = useActing();
  const issuers = usePages(tenant, '/api/v1/certificate-issuers');
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<Issuer | null>(null);
  const remove = useWrite((issuer: Issuer) => deleteIssuer(api, issuer.id), ISSUERS);
  const may = can('issuers:write');
  const add = may && (
    <Button size="compact-sm" leftSection={<Plus size={15} />} onClick={() => setAdding(true)}>
      {t('certificates.issuers.add')}
    </Button>
  );
  return (
    <Section title={t('certificates.issuers.title')} hint={t('certificates.issuers.text')} flush actions={issuers.items?.length ? add : undefined}>
      <DataTable
        label={t('certificates.issuers.title')}
        rows={issuers.items}
        rowKey={({ id }) => id}
        error={issuers.error}
        retry={issuers.retry}
        hasMore={issuers.hasMore}
        loadMore={issuers.loadMore}
        loadingMore={issuers.loadingMore}
        empty={
          <Empty icon={Landmark} title={t('certificates.issuers.emptyTitle')} action={add}>
            {t('certificates.issuers.emptyText')}
          </Empty>
        }
        columns={[
          { key: 'name', header: t('certificates.issuers.name'), main: true, sort: ({ name }) => name, cell: ({ name, directory_url }) => <span title={directory_url}>{name}</span> },
          { key: 'state', header: t('certificates.state'), cell: ({ state }) => <StateBadge state={state} tone={TONES[state]} /> },
          { key: 'problem', header: t('certificates.issuers.problem'), cell: ({ problem, paused_until }) => problem && <><span className="mp-break">{problem}</span> {paused_until && <Time iso={paused_until} />}</> },
          { key: 'preference', header: t('certificates.issuers.preference'), align: 'end', wideOnly: true, sort: ({ preference }) => preference, cell: ({ preference }) => preference },
          { key: 'agreed', header: t('certificates.issuers.agreed'), wideOnly: true, cell: ({ agreed_at }) => <Time iso={agreed_at} /> },
          {
            key: 'actions',
            header: t('certificates.issuers.actions'),
            hiddenHeader: true,
            align: 'end',
            cell: (issuer) =>
              may && (
                <ActionIcon variant="subtle" color="gray" onClick={() => setDoomed(issuer)} aria-label={t('certificates.issuers.removeWhat', { name: issuer.name })}>
                  <Trash2 size={15} />
                </ActionIcon>
              ),
          },
        ]}
      />
      <Suspense fallback={null}>{adding && <IssuerForm close={() => setAdding(false)} />}</Suspense>
      <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('certificates.issuers.removeTitle')} action={t('certificates.issuers.remove')} run={async () => doomed && remove.mutateAsync(doomed)}>
        {rich('certificates.issuers.removeText', { name: <strong>{doomed?.name}</strong> })}
      </ConfirmDelete>
    </Section>
  );
}
