import { Button, Group, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import { forgetSecret, readSecret, subscribeSecret } from '@/api/fragment';
import { ApiError } from '@/api/problem';
import { meQuery } from '@/api/session';
import { t } from '@/i18n';
import { FormProblem } from '@/ui/form';
import { ButtonLink } from '@/ui/links';
import { Gate } from '../components/Gate';
import { confirmEmail } from '../queries';

/** Behind the link that is mailed to a new address. Only the account itself confirms it, so that a stranger's click does nothing. */
export function ConfirmEmailPage() {
  const token = useSyncExternalStore(subscribeSecret, readSecret);
  const client = useQueryClient();
  const navigate = useNavigate();
  const me = useQuery(meQuery);
  const confirm = useMutation({
    mutationFn: (secret: string) => confirmEmail(secret),
    onSuccess: async () => {
      await client.fetchQuery({ ...meQuery, staleTime: 0 });
      forgetSecret();
    },
  });
  if (confirm.isSuccess) {
    return (
      <Gate title={t('identity.confirmEmail.doneTitle')}>
        <Text size="md" my="sm">
          {t('identity.confirmEmail.doneText', { email: me.data?.user.email ?? '' })}
        </Text>
        <ButtonLink to="/">{t('identity.confirmEmail.on')}</ButtonLink>
      </Gate>
    );
  }
  if (!token) {
    return (
      <Gate title={t('identity.confirmEmail.noLinkTitle')}>
        <Text size="md" my="sm">
          {t('identity.confirmEmail.noLinkText')}
        </Text>
        <ButtonLink to="/" variant="default">
          {t('identity.confirmEmail.on')}
        </ButtonLink>
      </Gate>
    );
  }
  if (me.isSuccess && !me.data) {
    return (
      <Gate title={t('identity.confirmEmail.title')}>
        <Text size="md" my="sm">
          {t('identity.confirmEmail.logIn')}
        </Text>
        {/* Within the page, so that the link's secret stays in memory. */}
        <Button onClick={() => void navigate({ to: '/login', search: { next: '/confirm-email' } as never })}>{t('identity.login.submit')}</Button>
      </Gate>
    );
  }
  const gone = confirm.error instanceof ApiError && confirm.error.status === 410;
  const problem = gone ? t('identity.confirmEmail.gone') : confirm.error?.message;
  return (
    <Gate title={t('identity.confirmEmail.title')} text={t('identity.confirmEmail.text')}>
      <FormProblem messages={problem ? [problem] : []} />
      <Group mt="sm">
        <Button onClick={() => confirm.mutate(token)} loading={confirm.isPending}>
          {t('identity.confirmEmail.submit')}
        </Button>
      </Group>
    </Gate>
  );
}
