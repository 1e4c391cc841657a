import { Stack, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import { forgetSecret, readSecret, subscribeSecret } from '@/api/fragment';
import { ApiError } from '@/api/problem';
import { setMe } from '@/api/session';
import { t } from '@/i18n';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { ButtonLink } from '@/ui/links';
import { newPassword, z } from '@/ui/rules';
import { Gate } from '../components/Gate';
import { NewPassword } from '../components/NewPassword';
import { activate } from '../queries';

export function ActivatePage() {
  const token = useSyncExternalStore(subscribeSecret, readSecret);
  if (!token) {
    return (
      <Gate title={t('identity.activate.noLinkTitle')}>
        <Text size="md" my="sm">
          {t('identity.activate.noLinkText')}
        </Text>
        <ButtonLink to="/login" variant="default">
          {t('identity.login.submit')}
        </ButtonLink>
      </Gate>
    );
  }
  return <ActivateForm token={token} />;
}

function ActivateForm({ token }: { token: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const form = useApiForm({
    schema: z.object({ password: newPassword() }),
    defaults: { password: '' },
    submit: async ({ password }) => {
      try {
        const me = await activate({ token, password });
        client.clear();
        setMe(client, me);
        await navigate({ to: me.totp_setup_required ? '/secure' : '/', replace: true });
        forgetSecret();
      } catch (error) {
        if (error instanceof ApiError && error.status === 410) throw new ApiError({ status: 410, code: 'identity.activation.gone', detail: t('identity.activate.gone') });
        throw error;
      }
    },
  });
  return (
    <Gate title={t('identity.activate.title')} text={t('identity.activate.text')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <NewPassword field={form.register('password')} value={form.watch('password')} personal={[]} error={form.error('password')} />
          <FormButtons label={t('identity.activate.submit')} busy={form.formState.isSubmitting} />
        </Stack>
      </form>
    </Gate>
  );
}
