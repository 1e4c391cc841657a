import { Button } from '@mantine/core';
import { MonitorSmartphone } from 'lucide-react';
import { useActing } from '@/api/acting';
import { useWhole, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty, ErrorNotice } from '@/ui/feedback';
import { ButtonLink, TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import { device } from '../components/device';
import { endOtherSessions, endSession, type Session } from '../queries';

export function SessionsPage() {
  const { id: tenant, paths } = useActing();
  const sessions = useWhole('', '/api/v1/sessions');
  const end = useWrite((session: Session) => endSession(session.id), ['/api/v1/sessions']);
  const others = sessions.items?.filter(({ current }) => !current) ?? [];
  const endOthers = useWrite(endOtherSessions, ['/api/v1/sessions']);
  const actions = others.length > 0 && (
    <Button variant="default" loading={endOthers.isPending} onClick={() => endOthers.mutate(undefined, { onSuccess: () => toast(t('identity.sessions.othersEnded')) })}>
      {t('identity.sessions.endOthers')}
    </Button>
  );
  return (
    <Page
      title={t('identity.sessions.title')}
      description={<p className="mp-plain">{rich('identity.sessions.text', { password: <TextLink to={paths.profile}>{t('identity.sessions.password')}</TextLink> })}</p>}
      actions={
        <>
          <ButtonLink to={paths.signIns} variant="default">
            {t('identity.sessions.history')}
          </ButtonLink>
          {actions}
        </>
      }
    >
      {endOthers.error && <ErrorNotice error={endOthers.error} />}
      {end.error && <ErrorNotice error={end.error} />}
      <Section flush>
        <DataTable
          label={t('identity.sessions.title')}
          rows={sessions.items}
          rowKey={({ id }) => id}
          error={sessions.error}
          retry={sessions.retry}
          empty={
            <Empty icon={MonitorSmartphone} title={t('identity.sessions.title')}>
              {t('identity.sessions.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'device', header: t('identity.sessions.device'), main: true, cell: (session) => <span title={session.user_agent ?? undefined}>{device(session.device)}</span> },
            { key: 'address', header: t('identity.sessions.address'), cell: ({ address }) => <span className="mp-mono">{address ?? t('ui.none')}</span> },
            { key: 'host', header: t('identity.sessions.host'), wideOnly: true, cell: ({ host }) => <span className="mp-mono">{host}</span> },
            { key: 'seen', header: t('identity.sessions.seen'), sort: ({ last_seen_at }) => last_seen_at, cell: ({ last_seen_at }) => <Time iso={last_seen_at} /> },
            { key: 'since', header: t('identity.sessions.since'), wideOnly: true, sort: ({ created_at }) => created_at, cell: ({ created_at }) => <Time iso={created_at} /> },
            {
              key: 'end',
              header: t('identity.sessions.end'),
              hiddenHeader: true,
              align: 'end',
              cell: (session) =>
                session.current ? (
                  <StateBadge state="current" tone="ok">
                    {t('identity.sessions.current')}
                  </StateBadge>
                ) : (
                  <Button
                    size="compact-sm"
                    variant="default"
                    loading={end.isPending && end.variables.id === session.id}
                    onClick={() => end.mutate(session, { onSuccess: () => toast(t('identity.sessions.ended')) })}
                    aria-label={t('identity.sessions.endWhat', { device: device(session.device) })}
                  >
                    {t('identity.sessions.end')}
                  </Button>
                ),
            },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/sessions', cli: ['session', 'list'] }} />
    </Page>
  );
}
