import { Button, Stack, Text } from '@mantine/core';
import { Award, Download } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { StateBadge, Time } from '@/ui/state';
import { Issuers } from '../components/Issuers';

export function CertificatesPage() {
  const { id: tenant, can } = useActing();
  const certificates = usePages(tenant, '/api/v1/certificates');
  return (
    <Page title={t('certificates.title')} description={t('certificates.text')}>
      <Section flush>
        <DataTable
          label={t('certificates.title')}
          rows={certificates.items}
          rowKey={({ id }) => id}
          error={certificates.error}
          retry={certificates.retry}
          hasMore={certificates.hasMore}
          loadMore={certificates.loadMore}
          loadingMore={certificates.loadingMore}
          empty={
            <Empty icon={Award} title={t('certificates.emptyTitle')}>
              {t('certificates.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'names', header: t('certificates.names'), main: true, sort: ({ names }) => names[0] ?? '', cell: ({ names }) => names.map((name) => <div key={name} className="mp-break">{name}</div>) },
            { key: 'state', header: t('certificates.state'), cell: ({ state }) => <StateBadge state={state} /> },
            { key: 'issuer', header: t('certificates.issuer'), cell: ({ issuer }) => issuer },
            { key: 'until', header: t('certificates.until'), sort: ({ not_after }) => not_after, cell: ({ not_after }) => <Time iso={not_after} /> },
            { key: 'fingerprint', header: t('certificates.fingerprint'), wideOnly: true, cell: ({ fingerprint }) => <span className="mp-mono" title={fingerprint}>{fingerprint.slice(0, 16)}…</span> },
          ]}
        />
      </Section>
      {can('issuers:read') && <Issuers />}
      <Section title={t('certificates.authority')} hint={t('certificates.authorityText')}>
        <Stack gap="sm" align="flex-start">
          <Button component="a" href="/api/v1/certificate-authority" download="mpanel-ca.pem" variant="default" leftSection={<Download size={15} />}>
            {t('certificates.download')}
          </Button>
          <Text size="sm" c="dimmed">
            {rich('certificates.trust', { command: <code className="mp-mono">mpanel trust</code> })}
          </Text>
        </Stack>
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/certificates', cli: ['certificate', 'list'] }} />
    </Page>
  );
}
