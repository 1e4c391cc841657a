import { Badge, Button, Group, SegmentedControl } from '@mantine/core';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { usePages, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { ButtonLink } from '@/ui/links';
import { Time } from '@/ui/state';
import { describe } from '../components/scopes';
import { deleteToken, type ApiToken } from '../queries';

export function TokensPage() {
  const { id: tenant, api, paths, can } = useActing();
  const [all, setAll] = useState(false);
  const tokens = usePages(tenant, '/api/v1/api-tokens', all ? { query: { 'filter[user]': 'any' } } : undefined);
  const [doomed, setDoomed] = useState<ApiToken | null>(null);
  const remove = useWrite((token: ApiToken) => deleteToken(api, token.id), ['/api/v1/api-tokens']);
  const create = can('tokens:write') && (
    <ButtonLink to={paths.newToken} leftSection={<Plus size={16} />}>
      {t('identity.tokens.create')}
    </ButtonLink>
  );
  return (
    <Page title={t('identity.tokens.title')} description={t('identity.tokens.text')} actions={all || tokens.items?.length ? create : undefined}>
      {can('tokens:manage') && (
        <SegmentedControl
          mb="md"
          aria-label={t('identity.tokens.shown')}
          data={[
            { value: 'mine', label: t('identity.tokens.mine') },
            { value: 'all', label: t('identity.tokens.everybody') },
          ]}
          value={all ? 'all' : 'mine'}
          onChange={(value) => setAll(value === 'all')}
        />
      )}
      <Section flush>
        <DataTable
          label={t('identity.tokens.title')}
          rows={tokens.items}
          rowKey={({ id }) => id}
          error={tokens.error}
          retry={tokens.retry}
          hasMore={tokens.hasMore}
          loadMore={tokens.loadMore}
          loadingMore={tokens.loadingMore}
          empty={
            <Empty icon={KeyRound} title={t(all ? 'identity.tokens.noneTitle' : 'identity.tokens.emptyTitle')} action={all ? undefined : create}>
              {t(all ? 'identity.tokens.noneText' : 'identity.tokens.emptyText')}
            </Empty>
          }
          columns={[
            { key: 'name', header: t('identity.tokens.name'), main: true, sort: ({ name }) => name, cell: ({ name }) => name },
            ...(all ? [{ key: 'whose', header: t('identity.tokens.whose'), sort: whose, cell: whose }] : []),
            { key: 'prefix', header: t('identity.tokens.prefix'), wideOnly: true, cell: ({ prefix }) => <span className="mp-mono">{prefix}…</span> },
            {
              key: 'scopes',
              header: t('identity.tokens.scopes'),
              cell: ({ scopes }) => <May scopes={scopes} />,
            },
            { key: 'used', header: t('identity.tokens.used'), cell: ({ last_used_at }) => (last_used_at ? <Time iso={last_used_at} /> : t('identity.tokens.never')) },
            { key: 'expires', header: t('identity.tokens.expires'), cell: ({ expires_at }) => <Time iso={expires_at} /> },
            {
              key: 'revoke',
              header: t('identity.tokens.revoke'),
              hiddenHeader: true,
              align: 'end',
              cell: (token) => (
                <Button size="compact-sm" variant="default" onClick={() => setDoomed(token)} disabled={!can('tokens:write')} aria-label={t('identity.tokens.revokeWhat', { name: token.name })}>
                  {t('identity.tokens.revoke')}
                </Button>
              ),
            },
          ]}
        />
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: all ? '/api/v1/api-tokens?filter[user]=any' : '/api/v1/api-tokens', cli: ['token', 'list', ...(all ? ['--everybody'] : [])] }} />
      <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('identity.tokens.revokeTitle')} action={t('identity.tokens.revoke')} run={async () => doomed && remove.mutateAsync(doomed)}>
        {rich('identity.tokens.revokeText', { name: <strong>{doomed?.name}</strong> })}
      </ConfirmDelete>
    </Page>
  );
}

const whose = ({ user_name }: ApiToken) => user_name ?? t('identity.tokens.nobody');

function May({ scopes }: { scopes: string[] }) {
  const { presets, rest } = describe(scopes);
  return (
    <Group gap={4} justify="inherit">
      {[...presets.map(({ label }) => t(label)), ...rest].map((text) => (
        <Badge key={text} variant="default" size="md" radius="sm" tt="none" fw={500}>
          {text}
        </Badge>
      ))}
    </Group>
  );
}
