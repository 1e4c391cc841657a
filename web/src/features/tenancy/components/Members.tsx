import { Button, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { UserPlus, Users } from 'lucide-react';
import { Suspense, useState, type ReactNode } from 'react';
import { useActing } from '@/api/acting';
import { useWhole, useWrite } from '@/api/query';
import { useMe } from '@/api/session';
import { rich, t } from '@/i18n';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { DataTable } from '@/ui/DataTable';
import { Empty } from '@/ui/feedback';
import { lazyDialog } from '@/ui/lazyDialog';
import { StateBadge } from '@/ui/state';
import { toast } from '@/ui/toast';
import { roleName } from './roles';
import classes from './tenancy.module.css';
import { TENANTS, endSessionsOf, removeMember, type Member } from '../queries';

const RoleForm = lazyDialog(() => import('../forms/RoleForm'), 'RoleForm');
const MemberForm = lazyDialog(() => import('../forms/MemberForm'), 'MemberForm');

interface Props {
  tenant: string;
  /** The page is about something else first: adding somebody is not the main thing on it. */
  besides?: boolean;
  /** The frame around the list: what adds a member stands where the page puts it. */
  children: (add: ReactNode, list: ReactNode) => ReactNode;
}

export function Members({ tenant, besides = false, children }: Props) {
  const { id, api, can, tenant: acting } = useActing();
  const me = useMe();
  const members = useWhole(id, '/api/v1/tenants/{tenant_id}/members', { path: { tenant_id: tenant } });
  const [adding, addingControl] = useDisclosure(false);
  const [invited, setInvited] = useState<Member | null>(null);
  const [changed, setChanged] = useState<Member | null>(null);
  const [doomed, setDoomed] = useState<Member | null>(null);
  const [out, setOut] = useState<Member | null>(null);
  const remove = useWrite((member: Member) => removeMember(api, tenant, member.user_id), TENANTS);
  const end = useWrite((member: Member) => endSessionsOf(api, member.user_id), []);
  const may = can('members:write');
  const canChange = ({ role }: Member) => role !== 'owner' || acting.role === 'owner';
  const add = may && (
    <Button {...(besides ? { size: 'compact-sm', variant: 'default' } : {})} leftSection={<UserPlus size={besides ? 14 : 16} />} onClick={addingControl.open}>
      {t('tenancy.member.add')}
    </Button>
  );
  const list = (
    <>
      <DataTable
        label={t('tenancy.member.title')}
        rows={members.items}
        rowKey={({ user_id }) => user_id}
        error={members.error}
        retry={members.retry}
        empty={
          <Empty icon={Users} title={t('tenancy.member.emptyTitle')}>
            {t('tenancy.member.emptyText')}
          </Empty>
        }
        columns={[
          { key: 'name', header: t('tenancy.member.name'), main: true, sort: ({ name }) => name, cell: ({ name }) => name },
          { key: 'email', header: t('tenancy.member.email'), cell: ({ email }) => <span className="mp-break">{email}</span> },
          { key: 'role', header: t('tenancy.member.role'), cell: (member) => roleName(member) },
          { key: 'state', header: t('tenancy.member.state'), cell: ({ active }) => <StateBadge state={active ? 'active' : 'invited'} /> },
          {
            key: 'remove',
            header: t('ui.action.remove'),
            hiddenHeader: true,
            align: 'end',
            cell: (member) =>
              may && member.user_id !== me.user.id ? (
                <Group gap={6} justify="flex-end" className={classes.actions}>
                  {!member.active && (
                    <Button size="compact-sm" variant="default" onClick={() => setInvited(member)} aria-label={t('tenancy.member.inviteAgainWhat', { name: member.name })}>
                      {t('tenancy.member.inviteAgain')}
                    </Button>
                  )}
                  {canChange(member) && (
                    <Button size="compact-sm" variant="default" onClick={() => setChanged(member)} aria-label={t('tenancy.member.changeRoleWhat', { name: member.name })}>
                      {t('tenancy.member.changeRole')}
                    </Button>
                  )}
                  {member.active && tenant === id && canChange(member) && (
                    <Button size="compact-sm" variant="default" onClick={() => setOut(member)} aria-label={t('tenancy.member.endSessionsWhat', { name: member.name })}>
                      {t('tenancy.member.endSessions')}
                    </Button>
                  )}
                  {canChange(member) && (
                    <Button size="compact-sm" variant="default" onClick={() => setDoomed(member)} aria-label={t('tenancy.member.removeWhat', { name: member.name })}>
                      {t('ui.action.remove')}
                    </Button>
                  )}
                </Group>
              ) : null,
          },
        ]}
      />
      <Suspense fallback={null}>
        {adding && <MemberForm tenant={tenant} close={addingControl.close} />}
        {changed && <RoleForm tenant={tenant} member={changed} close={() => setChanged(null)} />}
        {invited && <MemberForm tenant={tenant} again={invited} close={() => setInvited(null)} />}
      </Suspense>
      <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('tenancy.member.removeTitle')} action={t('ui.action.remove')} run={async () => doomed && remove.mutateAsync(doomed)}>
        {rich('tenancy.member.removeText', { name: <strong>{doomed?.name}</strong> })}
      </ConfirmDelete>
      <ConfirmDelete
        opened={out !== null}
        close={() => setOut(null)}
        title={t('tenancy.member.endSessionsTitle')}
        action={t('tenancy.member.endSessions')}
        run={async () => {
          const done = out && (await end.mutateAsync(out));
          if (done) toast(t('tenancy.member.sessionsEnded', { count: done.ended }));
        }}
      >
        {rich('tenancy.member.endSessionsText', { name: <strong>{out?.name}</strong> })}
      </ConfirmDelete>
    </>
  );
  return children(add, list);
}
