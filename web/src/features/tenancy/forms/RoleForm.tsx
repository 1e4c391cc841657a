import { Stack } from '@mantine/core';
import { Controller } from 'react-hook-form';
import type { Role } from '@/api/access';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Dialog } from '@/ui/Dialog';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { RoleSelect } from '../components/RoleSelect';
import { roleName } from '../components/roles';
import { TENANTS, changeRole, type Member } from '../queries';

export function RoleForm({ tenant, member, close }: { tenant: string; member: Member; close: () => void }) {
  const { id, api } = useActing();
  const write = useWrite((role: Role) => changeRole(api, tenant, member.user_id, role), TENANTS);
  const form = useApiForm<{ role: Role }>({
    schema: z.object({ role: required() }),
    defaults: { role: member.role },
    submit: async ({ role }) => {
      const changed = await write.mutateAsync(role);
      toast(t('tenancy.member.roleChanged', { name: member.name, role: roleName(changed) }));
      close();
    },
  });
  const role = form.watch('role');
  return (
    <Dialog opened onClose={close} title={t('tenancy.member.roleTitle', { name: member.name })}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <Controller control={form.control} name="role" render={({ field }) => <RoleSelect of={tenant} value={field.value} onChange={field.onChange} error={form.error('role')} />} />
          <FormButtons label={t('tenancy.member.changeRole')} busy={form.formState.isSubmitting} disabled={role === member.role} cancel={close} />
          <ApiPanel
            tenant={id}
            example={{ method: 'PATCH', path: `/api/v1/tenants/${tenant}/members/${member.user_id}`, body: { role }, cli: ['tenant', 'member', 'role', tenant, member.email, role] }}
          />
        </Stack>
      </form>
    </Dialog>
  );
}
