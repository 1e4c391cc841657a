import { Button, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, usePages, useWrite } from '@/api/query';
import { rich, t, tOr } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { Empty, ErrorNotice, Loading } from '@/ui/feedback';
import { ButtonLink } from '@/ui/links';
import { useParam } from '@/ui/route';
import { Time } from '@/ui/state';
import { toast } from '@/ui/toast';
import { Secret } from '../components/TokenForm';
import { SERVICES, deleteServiceAccount, deleteServiceToken, rotateServiceToken, updateServiceAccount, type ServiceAccount, type ServiceToken } from '../queries';
import { ServiceState } from './ServiceAccountsPage';

export function ServiceAccountPage() {
  const { id: tenant, api, paths, can } = useActing();
  const navigate = useNavigate();
  const id = useParam('serviceAccount');
  const { data: account, error, refetch } = useQuery(getQuery(tenant, '/api/v1/service-accounts/{service_account_id}', { path: { service_account_id: id } }));
  const [deleting, deleteControl] = useDisclosure(false);
  const [secret, setSecret] = useState<string | null>(null);
  const remove = useWrite(() => deleteServiceAccount(api, id), SERVICES);
  const rest = useWrite((disabled: boolean) => updateServiceAccount(api, id, { disabled }), SERVICES);
  const back = { to: paths.serviceAccounts, label: t('identity.services.title') };
  if (!account) {
    return (
      <Page title={t('identity.services.title')} back={back}>
        {error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />}
      </Page>
    );
  }
  if (secret) return <Secret value={secret} back={back} />;
  const disabled = account.disabled_at !== null;
  const actions = can('services:write') && (
    <Group gap="xs">
      <Button
        variant="default"
        loading={rest.isPending}
        onClick={() => rest.mutate(!disabled, { onSuccess: () => toast(t(disabled ? 'identity.services.enabled' : 'identity.services.disabled')) })}
      >
        {t(disabled ? 'identity.services.enable' : 'identity.services.disable')}
      </Button>
      <Button variant="default" color="red" onClick={deleteControl.open}>
        {t('identity.services.delete')}
      </Button>
    </Group>
  );
  return (
    <Page
      title={account.name}
      heading={
        <Group gap="sm">
          {account.name} <ServiceState disabled={disabled} />
        </Group>
      }
      description={[tOr(`ui.role.${account.role}`, account.role), networks(account)].join(' · ')}
      back={back}
      actions={actions}
    >
      {rest.error && <ErrorNotice error={rest.error} />}
      <Tokens account={account} show={setSecret} />
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/service-accounts/${id}/tokens`, cli: ['service-account', 'token', 'list', id] }} />
      <ConfirmDelete
        opened={deleting}
        close={deleteControl.close}
        title={t('identity.services.deleteTitle')}
        name={account.name}
        action={t('identity.services.delete')}
        run={async () => {
          await remove.mutateAsync(undefined);
          await navigate({ to: paths.serviceAccounts });
        }}
      >
        {rich('identity.services.deleteText', { name: <strong>{account.name}</strong> })}
      </ConfirmDelete>
    </Page>
  );
}

const networks = ({ allowed_networks: list }: { allowed_networks: string[] }) => (list.length === 0 ? t('identity.services.anywhere') : list.join(', '));

function Tokens({ account, show }: { account: ServiceAccount; show: (secret: string) => void }) {
  const { id: tenant, api, paths, can } = useActing();
  const list = usePages(tenant, '/api/v1/service-accounts/{service_account_id}/tokens', { path: { service_account_id: account.id } });
  const [doomed, setDoomed] = useState<ServiceToken | null>(null);
  const [old, setOld] = useState<ServiceToken | null>(null);
  const revoke = useWrite((token: ServiceToken) => deleteServiceToken(api, account.id, token.id), SERVICES);
  const rotate = useWrite((token: ServiceToken) => rotateServiceToken(api, account.id, token.id), SERVICES);
  const create = can('services:write') && (
    <ButtonLink to={paths.newServiceToken(account.id)} size="compact-sm" leftSection={<Plus size={14} />}>
      {t('identity.services.newToken')}
    </ButtonLink>
  );
  return (
    <Section title={t('identity.services.tokens')} actions={create} flush>
      <DataTable
        label={t('identity.services.tokens')}
        rows={list.items}
        rowKey={({ id }) => id}
        error={list.error}
        retry={list.retry}
        hasMore={list.hasMore}
        loadMore={list.loadMore}
        loadingMore={list.loadingMore}
        empty={
          <Empty icon={KeyRound} title={t('identity.tokens.emptyTitle')}>
            {t('identity.services.tokensEmpty')}
          </Empty>
        }
        columns={[
          { key: 'name', header: t('identity.tokens.name'), main: true, cell: ({ name }) => name },
          { key: 'networks', header: t('identity.services.networks'), wideOnly: true, cell: networks },
          { key: 'used', header: t('identity.services.used'), cell: (token) => <Used token={token} /> },
          { key: 'expires', header: t('identity.tokens.expires'), cell: ({ expires_at }) => <Time iso={expires_at} /> },
          {
            key: 'do',
            header: t('identity.tokens.revoke'),
            hiddenHeader: true,
            align: 'end',
            cell: (token) =>
              can('services:write') && (
                <Group gap={6} justify="flex-end" wrap="nowrap">
                  <Button size="compact-sm" variant="default" onClick={() => setOld(token)} aria-label={t('identity.services.rotateWhat', { name: token.name })}>
                    {t('identity.services.rotate')}
                  </Button>
                  <Button size="compact-sm" variant="default" onClick={() => setDoomed(token)} aria-label={t('identity.tokens.revokeWhat', { name: token.name })}>
                    {t('identity.tokens.revoke')}
                  </Button>
                </Group>
              ),
          },
        ]}
      />
      <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('identity.tokens.revokeTitle')} action={t('identity.tokens.revoke')} run={async () => doomed && revoke.mutateAsync(doomed)}>
        {rich('identity.tokens.revokeText', { name: <strong>{doomed?.name}</strong> })}
      </ConfirmDelete>
      <ConfirmDelete
        opened={old !== null}
        close={() => setOld(null)}
        title={t('identity.services.rotateTitle')}
        action={t('identity.services.rotate')}
        run={async () => {
          const made = old && (await rotate.mutateAsync(old));
          if (made?.token) show(made.token);
        }}
      >
        {rich('identity.services.rotateText', { name: <strong>{old?.name}</strong> })}
      </ConfirmDelete>
    </Section>
  );
}

function Used({ token: { last_used_at: at, last_used_address: address } }: { token: ServiceToken }) {
  if (!at) return t('identity.tokens.never');
  return (
    <>
      <Time iso={at} /> {address && t('identity.services.usedFrom', { address })}
    </>
  );
}
