import { Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState, useSyncExternalStore } from 'react';
import { forgetSecret, readSecret, subscribeSecret } from '@/api/fragment';
import { ApiError } from '@/api/problem';
import { setMe } from '@/api/session';
import { t } from '@/i18n';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { ButtonLink } from '@/ui/links';
import { newPassword, optional, z } from '@/ui/rules';
import { Gate } from '../components/Gate';
import { NewPassword } from '../components/NewPassword';
import { MIN_PASSWORD } from '../components/strength';
import { acceptReset } from '../queries';

export function ResetPage() {
  const token = useSyncExternalStore(subscribeSecret, readSecret);
  if (!token) {
    return (
      <Gate title={t('identity.reset.noLinkTitle')}>
        <Text size="md" my="sm">
          {t('identity.reset.noLinkText')}
        </Text>
        <ButtonLink to="/forgot" variant="default">
          {t('identity.reset.again')}
        </ButtonLink>
      </Gate>
    );
  }
  return <ResetForm token={token} />;
}

function ResetForm({ token }: { token: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [second, setSecond] = useState(false);
  const form = useApiForm({
    schema: z.object({ password: newPassword(MIN_PASSWORD), totp: optional() }),
    defaults: { password: '', totp: '' },
    submit: async ({ password, totp }) => {
      try {
        const me = await acceptReset({ token, password, totp: second && totp ? totp.replace(/\s/g, '') : null });
        client.clear();
        setMe(client, me);
        await navigate({ to: me.totp_setup_required ? '/secure' : '/', replace: true });
        forgetSecret();
      } catch (error) {
        if (error instanceof ApiError && error.code === 'identity.session.totp_required') return setSecond(true);
        if (error instanceof ApiError && error.status === 410) throw new ApiError({ status: 410, code: 'identity.password_reset.gone', detail: t('identity.reset.gone') });
        throw error;
      }
    },
  });
  return (
    <Gate title={t('identity.reset.title')} text={t('identity.reset.text')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <NewPassword field={form.register('password')} value={form.watch('password')} personal={[]} minimum={MIN_PASSWORD} error={form.error('password')} />
          {second && (
            <TextInput label={t('identity.field.code')} description={t('identity.reset.codeText')} autoComplete="one-time-code" autoFocus error={form.error('totp')} {...form.register('totp')} />
          )}
          <FormButtons label={t('identity.reset.submit')} busy={form.formState.isSubmitting} />
        </Stack>
      </form>
    </Gate>
  );
}
