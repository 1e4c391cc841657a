import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '@/api/problem';
import { settleReauthentication } from '@/api/reauth';
import { logIn, setMe, useMe } from '@/api/session';
import { t } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { ErrorNotice } from '@/ui/feedback';

/** Lies over the page when the session has ended. What the page holds stays; the interrupted request is repeated. */
export function ReloginDialog() {
  return (
    <Dialog opened onClose={() => undefined} withCloseButton={false} closeOnEscape={false} closeOnClickOutside={false} title={t('shell.relogin.title')}>
      <ReloginForm />
    </Dialog>
  );
}

function ReloginForm() {
  const me = useMe();
  const client = useQueryClient();
  const [password, setPassword] = useState('');
  const [totp, setTotp] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      setMe(client, await logIn({ email: me.user.email, password, totp }));
      settleReauthentication(true);
    } catch (failure) {
      if (failure instanceof ApiError && failure.code === 'identity.session.totp_required') setTotp('');
      else setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const leave = () => {
    settleReauthentication(false);
    client.clear();
    location.assign('/login');
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Stack gap="sm">
        <Text size="md">{t('shell.relogin.text', { email: me.user.email })}</Text>
        <input type="hidden" autoComplete="username" value={me.user.email} readOnly />
        <PasswordInput data-autofocus label={t('shell.relogin.password')} value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="current-password" />
        {totp !== null && (
          <TextInput label={t('shell.relogin.code')} value={totp} onChange={(event) => setTotp(event.currentTarget.value)} autoComplete="one-time-code" inputMode="numeric" autoFocus />
        )}
        {error !== null && <ErrorNotice error={error} />}
        <Group gap="xs" justify="flex-end">
          <Button variant="default" onClick={leave}>
            {t('shell.relogin.leave')}
          </Button>
          <Button type="submit" loading={busy} disabled={password === ''}>
            {t('shell.relogin.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
