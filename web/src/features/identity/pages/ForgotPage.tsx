import { Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { setupQuery } from '@/api/session';
import { t } from '@/i18n';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { ButtonLink } from '@/ui/links';
import { Notice } from '@/ui/Notice';
import { email, z } from '@/ui/rules';
import { Gate } from '../components/Gate';
import { requestReset } from '../queries';

export function ForgotPage() {
  const setup = useQuery(setupQuery);
  const [asked, setAsked] = useState('');
  const form = useApiForm({
    schema: z.object({ email: email() }),
    defaults: { email: '' },
    submit: async (values) => {
      await requestReset(values);
      setAsked(values.email);
    },
  });
  if (asked) {
    // The same for every address: whether it has an account is for its mailbox to say.
    return (
      <Gate title={t('identity.forgot.sentTitle')}>
        <Text size="md" my="sm">
          {t('identity.forgot.sentText', { email: asked })}
        </Text>
        <ButtonLink to="/login" variant="default">
          {t('identity.forgot.back')}
        </ButtonLink>
      </Gate>
    );
  }
  // What is said above the form must not come later: it would move it under the pointer.
  return (
    <Gate title={t('identity.forgot.title')} text={t('identity.forgot.text')}>
      {!setup.isPending && (
        <form onSubmit={form.send} noValidate>
          <Stack gap="sm">
            {setup.data?.mail === false && (
              <Notice tone="warn" title={t('identity.forgot.noMailTitle')}>
                {t('identity.forgot.noMailText')}
              </Notice>
            )}
            <FormProblem messages={form.problem} />
            <TextInput label={t('identity.field.email')} type="email" autoComplete="username" autoFocus error={form.error('email')} {...form.register('email')} />
            <FormButtons label={t('identity.forgot.submit')} busy={form.formState.isSubmitting} />
            <ButtonLink to="/login" variant="subtle">
              {t('identity.forgot.back')}
            </ButtonLink>
          </Stack>
        </form>
      )}
    </Gate>
  );
}
