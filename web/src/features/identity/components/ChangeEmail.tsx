import { Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { MailCheck, MailQuestion } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { useMe } from '@/api/session';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Notice } from '@/ui/Notice';
import { Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { email, required, z } from '@/ui/rules';
import { changeEmail } from '../queries';

const EMPTY = { email: '', password: '' };

export function ChangeEmail() {
  const me = useMe();
  const { id: tenant } = useActing();
  const [asked, setAsked] = useState('');
  const form = useApiForm({
    schema: z.object({ email: email(), password: required() }),
    defaults: EMPTY,
    submit: async (values) => {
      await changeEmail(values);
      setAsked(values.email);
      form.reset(EMPTY);
    },
  });
  const proven = me.user.email_proven;
  return (
    <Section title={t('identity.email.title')} hint={t('identity.email.hint')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm" maw={420}>
          <Group gap="sm" wrap="nowrap">
            {proven ? <MailCheck size={20} color="var(--mp-ok)" className="mp-icon" aria-hidden /> : <MailQuestion size={20} color="var(--mp-warn)" className="mp-icon" aria-hidden />}
            <Text size="md" className="mp-break">
              {t(proven ? 'identity.email.proven' : 'identity.email.unproven', { email: me.user.email })}
            </Text>
          </Group>
          {asked && (
            <Notice tone="ok" title={t('identity.email.askedTitle')}>
              {t('identity.email.askedText', { email: asked })}
            </Notice>
          )}
          <FormProblem messages={form.problem} />
          <TextInput label={t('identity.email.new')} type="email" autoComplete="email" error={form.error('email')} {...form.register('email')} />
          <PasswordInput label={t('identity.field.password')} autoComplete="current-password" error={form.error('password')} {...form.register('password')} />
          <FormButtons label={t('identity.email.change')} busy={form.formState.isSubmitting} />
          <ApiPanel tenant={tenant} example={{ method: 'POST', path: '/api/v1/me/email', body: { email: '…', password: '…' }, cli: ['email', 'change', '…'] }} />
        </Stack>
      </form>
    </Section>
  );
}
