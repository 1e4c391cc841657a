import { PasswordInput, Stack } from '@mantine/core';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { useMe } from '@/api/session';
import type { Me } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { newPassword, required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { changePassword } from '../queries';
import { NewPassword } from './NewPassword';
import { MIN_OWNER_PASSWORD, MIN_PASSWORD } from './strength';

const EMPTY = { current_password: '', new_password: '' };

export function ChangePassword() {
  const me = useMe();
  const { id: tenant } = useActing();
  const write = useWrite(changePassword, ['/api/v1/sessions']);
  const minimum = minimumFor(me);
  const form = useApiForm({
    schema: z.object({ current_password: required(), new_password: newPassword(minimum) }),
    defaults: EMPTY,
    submit: async (values) => {
      await write.mutateAsync(values);
      form.reset(EMPTY);
      toast(t('identity.password.changed'));
    },
  });
  return (
    <Section title={t('identity.password.title')} hint={t('identity.password.hint')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm" maw={420}>
          <FormProblem messages={form.problem} />
          {/* Tells password managers whose password it is. */}
          <input type="text" autoComplete="username" value={me.user.email} readOnly hidden />
          <PasswordInput label={t('identity.password.current')} autoComplete="current-password" error={form.error('current_password')} {...form.register('current_password')} />
          <NewPassword
            label={t('identity.password.new')}
            field={form.register('new_password')}
            value={form.watch('new_password')}
            personal={[me.user.name, me.user.email]}
            minimum={minimum}
            error={form.error('new_password')}
          />
          <FormButtons label={t('identity.password.change')} busy={form.formState.isSubmitting} />
          <ApiPanel tenant={tenant} example={{ method: 'POST', path: '/api/v1/me/password', body: { current_password: '…', new_password: '…' }, cli: ['password'] }} />
        </Stack>
      </form>
    </Section>
  );
}

/** Roles that never reach the tenants below; what a seller's own roles give may grow. */
const CONFINED: readonly string[] = ['developer', 'viewer'];

/** Who could change other people's things needs a longer password. */
function minimumFor({ memberships }: Me): number {
  return memberships.some(({ role, tenant }) => !CONFINED.includes(role) && tenant.kind !== 'customer') ? MIN_OWNER_PASSWORD : MIN_PASSWORD;
}
