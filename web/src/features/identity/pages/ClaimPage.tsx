import { Stack, Text, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import { forgetSecret, readSecret, subscribeSecret } from '@/api/fragment';
import { ApiError } from '@/api/problem';
import { setMe, setupQuery } from '@/api/session';
import { t } from '@/i18n';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { ButtonLink } from '@/ui/links';
import { email, newPassword, required, z } from '@/ui/rules';
import { Gate } from '../components/Gate';
import { NewPassword } from '../components/NewPassword';
import { MIN_OWNER_PASSWORD } from '../components/strength';
import { claim } from '../queries';

export function ClaimPage() {
  const token = useSyncExternalStore(subscribeSecret, readSecret);
  const setup = useQuery(setupQuery);
  if (setup.data?.claimed) {
    return (
      <Gate title={t('identity.claim.doneTitle')} text={t('identity.claim.doneText')}>
        <ButtonLink to="/login">{t('identity.login.submit')}</ButtonLink>
      </Gate>
    );
  }
  if (!token) {
    return (
      <Gate title={t('identity.claim.noLinkTitle')}>
        <Text size="md" mt="xs">
          {t('identity.claim.noLinkText')}
        </Text>
        <Text size="sm" c="dimmed" mt="sm">
          {t('identity.claim.noLinkHint')}
        </Text>
      </Gate>
    );
  }
  return <ClaimForm token={token} />;
}

const schema = z.object({ email: email(), name: required(), password: newPassword(MIN_OWNER_PASSWORD) });

function ClaimForm({ token }: { token: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const form = useApiForm({
    schema,
    defaults: { email: '', name: '', password: '' },
    submit: async (values) => {
      try {
        const me = await claim({ token, ...values });
        setMe(client, me);
        await client.invalidateQueries({ queryKey: setupQuery.queryKey });
        await navigate({ to: me.totp_setup_required ? '/secure' : '/', replace: true });
        // Only now: without its token the form would leave the page while it is still being sent.
        forgetSecret();
      } catch (error) {
        if (error instanceof ApiError && error.status === 410) throw new ApiError({ status: 410, code: 'identity.claim.gone', detail: t('identity.claim.gone') });
        throw error;
      }
    },
  });
  const [name, mail, password] = form.watch(['name', 'email', 'password']);

  return (
    <Gate title={t('identity.claim.title')} text={t('identity.claim.text')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <TextInput label={t('identity.field.name')} autoComplete="name" autoFocus error={form.error('name')} {...form.register('name')} />
          <TextInput label={t('identity.field.email')} type="email" autoComplete="username" error={form.error('email')} {...form.register('email')} />
          <NewPassword field={form.register('password')} value={password} personal={[name, mail]} minimum={MIN_OWNER_PASSWORD} error={form.error('password')} />
          <FormButtons label={t('identity.claim.submit')} busy={form.formState.isSubmitting} />
        </Stack>
      </form>
    </Gate>
  );
}
