import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiError } from '@/api/problem';
import { logIn, setMe } from '@/api/session';
import { t } from '@/i18n';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { TextLink } from '@/ui/links';
import { safeNext } from '@/ui/paths';
import { useQueryParam } from '@/ui/route';
import { email, optional, required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { Gate } from '../components/Gate';

const schema = z.object({ email: email(), password: required(), totp: optional() });

export function LoginPage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const next = useQueryParam('next');
  const [second, setSecond] = useState(false);
  const form = useApiForm({
    schema,
    defaults: { email: '', password: '', totp: '' },
    submit: async ({ totp, ...values }) => {
      try {
        const me = await logIn({ ...values, totp: second && totp ? totp.replace(/\s/g, '') : null });
        client.clear();
        setMe(client, me);
        if (me.refused_since > 0) toast(t('identity.signIns.refused', { count: me.refused_since }));
        await navigate({ to: me.totp_setup_required ? '/secure' : safeNext(next), replace: true });
      } catch (error) {
        if (!(error instanceof ApiError && error.code === 'identity.session.totp_required')) throw error;
        setSecond(true);
      }
    },
  });

  return (
    <Gate title={t('identity.login.title')} text={second ? t('identity.login.codeText') : undefined}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          {/* Kept in the page during the second step, so that password managers see one form. */}
          <TextInput label={t('identity.field.email')} type="email" autoComplete="username" autoFocus readOnly={second} error={form.error('email')} {...form.register('email')} />
          <PasswordInput label={t('identity.field.password')} autoComplete="current-password" readOnly={second} error={form.error('password')} {...form.register('password')} />
          {second && (
            <TextInput label={t('identity.field.code')} description={t('identity.login.codeHint')} autoComplete="one-time-code" autoFocus error={form.error('totp')} {...form.register('totp')} />
          )}
          {!second && <TextLink to="/forgot">{t('identity.login.forgot')}</TextLink>}
          <FormButtons label={t('identity.login.submit')} busy={form.formState.isSubmitting}>
            {second && (
              <Button variant="default" onClick={() => setSecond(false)} disabled={form.formState.isSubmitting}>
                {t('ui.action.cancel')}
              </Button>
            )}
          </FormButtons>
        </Stack>
      </form>
    </Gate>
  );
}
