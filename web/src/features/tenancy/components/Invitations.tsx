import { Button, Group } from '@mantine/core';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { useWhole, useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { DataTable } from '@/ui/DataTable';
import { Dialog } from '@/ui/Dialog';
import { Section } from '@/ui/Page';
import { StateBadge } from '@/ui/state';
import { absoluteTime } from '@/ui/format';
import { toast } from '@/ui/toast';
import { INVITATIONS, resendInvitation, revokeInvitation, type Invitation } from '../queries';
import { ActivationLink } from './ActivationLink';
import classes from './tenancy.module.css';

/** Who was invited to the acting tenant and has not come yet. Without anybody there is nothing to show. */
export function Invitations() {
  const { id, api, can, tenant: acting } = useActing();
  const { items } = useWhole(id, '/api/v1/invitations');
  const [resent, setResent] = useState<{ name: string; activation: { url_path: string; expires_at: string } } | null>(null);
  const [doomed, setDoomed] = useState<Invitation | null>(null);
  const resend = useWrite((invitation: Invitation) => resendInvitation(api, invitation.user_id), INVITATIONS);
  const revoke = useWrite((invitation: Invitation) => revokeInvitation(api, invitation.user_id), INVITATIONS);
  if (!items || items.length === 0) return null;
  const may = (invitation: Invitation) => can('members:write') && (invitation.role !== 'owner' || acting.role === 'owner');
  const again = async (invitation: Invitation) => {
    const { url_path, invitation: renewed } = await resend.mutateAsync(invitation);
    toast(t('tenancy.invitation.resent', { email: invitation.email }));
    setResent({ name: invitation.name, activation: { url_path, expires_at: renewed.expires_at } });
  };
  return (
    <>
      <Section title={t('tenancy.invitation.title')} hint={t('tenancy.invitation.hint')} flush>
        <DataTable
          label={t('tenancy.invitation.title')}
          rows={items}
          rowKey={({ user_id }) => user_id}
          empty={null}
          columns={[
            { key: 'name', header: t('tenancy.member.name'), main: true, sort: ({ name }) => name, cell: ({ name }) => name },
            { key: 'email', header: t('tenancy.member.email'), cell: ({ email }) => <span className="mp-break">{email}</span> },
            { key: 'sent', header: t('tenancy.invitation.sent'), cell: ({ mailed }) => t(mailed ? 'tenancy.invitation.byMail' : 'tenancy.invitation.byHand') },
            {
              key: 'until',
              header: t('tenancy.invitation.until'),
              cell: ({ expires_at, expired }) => (expired ? <StateBadge state="expired" /> : absoluteTime(expires_at)),
            },
            {
              key: 'actions',
              header: t('tenancy.invitation.actions'),
              hiddenHeader: true,
              align: 'end',
              cell: (invitation) =>
                may(invitation) && (
                  <Group gap={6} justify="flex-end" className={classes.actions}>
                    <Button size="compact-sm" variant="default" onClick={() => void again(invitation)} aria-label={t('tenancy.invitation.resendWhat', { name: invitation.name })}>
                      {t('tenancy.invitation.resend')}
                    </Button>
                    <Button size="compact-sm" variant="default" onClick={() => setDoomed(invitation)} aria-label={t('tenancy.invitation.revokeWhat', { name: invitation.name })}>
                      {t('tenancy.invitation.revoke')}
                    </Button>
                  </Group>
                ),
            },
          ]}
        />
        <Dialog opened={resent !== null} onClose={() => setResent(null)} title={t('tenancy.invitation.resendTitle')} closeOnClickOutside={false}>
          {resent && <ActivationLink activation={resent.activation} name={resent.name} />}
        </Dialog>
        <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('tenancy.invitation.revokeTitle')} action={t('tenancy.invitation.revoke')} run={async () => doomed && revoke.mutateAsync(doomed)}>
          {t('tenancy.invitation.revokeText', { name: doomed?.name ?? '' })}
        </ConfirmDelete>
      </Section>
      <ApiPanel tenant={id} example={{ method: 'GET', path: '/api/v1/invitations', cli: ['invitation', 'list'] }} />
    </>
  );
}
