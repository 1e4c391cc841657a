import { History } from 'lucide-react';
import { useActing } from '@/api/acting';
import { usePages } from '@/api/query';
import { rich, t, tOr } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { TextLink } from '@/ui/links';
import { StateBadge, Time } from '@/ui/state';
import { device } from '../components/device';
import type { SignIn } from '../queries';

export function SignInsPage() {
  const { id: tenant, paths } = useActing();
  const list = usePages('', '/api/v1/me/sign-ins');
  return (
    <Page
      title={t('identity.signIns.title')}
      back={{ to: paths.sessions, label: t('identity.sessions.title') }}
      description={<p className="mp-plain">{rich('identity.signIns.text', { password: <TextLink to={paths.profile}>{t('identity.sessions.password')}</TextLink> })}</p>}
    >
      <Section flush>
        <DataTable
          label={t('identity.signIns.title')}
          rows={list.items}
          rowKey={({ id }) => id}
          error={list.error}
          retry={list.retry}
          hasMore={list.hasMore}
          loadMore={list.loadMore}
          loadingMore={list.loadingMore}
          empty={
            <Empty icon={History} title={t('identity.signIns.emptyTitle')}>
              {t('identity.signIns.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'time', header: t('identity.signIns.time'), main: true, cell: ({ at }) => <Time iso={at} /> },
            { key: 'what', header: t('identity.signIns.what'), cell: ({ kind }) => tOr(`identity.signIns.kind.${kind}`, kind) },
            { key: 'result', header: t('identity.signIns.how'), cell: (entry) => <Result entry={entry} /> },
            { key: 'device', header: t('identity.sessions.device'), cell: (entry) => device(entry.device) },
            { key: 'address', header: t('identity.sessions.address'), cell: ({ address }) => <span className="mp-mono">{address ?? t('ui.none')}</span> },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: '/api/v1/me/sign-ins', cli: ['sign-ins'] }} />
    </Page>
  );
}

function Result({ entry: { result, second_factor: factor, attempts } }: { entry: SignIn }) {
  const how = [tOr(`identity.signIns.result.${result}`, result)];
  if (factor) how.push(tOr(`identity.signIns.factor.${factor}`, factor));
  if (attempts > 1) how.push(t('identity.signIns.times', { count: attempts }));
  return (
    <StateBadge state={result === 'ok' ? 'done' : 'attention'} tone={result === 'ok' ? 'ok' : 'warn'}>
      {how.join(', ')}
    </StateBadge>
  );
}
