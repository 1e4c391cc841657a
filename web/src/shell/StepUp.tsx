import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { settleStepUp } from '@/api/reauth';
import { stepUp, useMe } from '@/api/session';
import { t } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { FormProblem, useApiForm } from '@/ui/form';
import { optional, required, z } from '@/ui/rules';

const schema = z.object({ password: required(), totp: optional() });

/** Lies over the page when the server wants to be sure who asks. What the page holds stays; the request is repeated. */
export function StepUpDialog() {
  const cancel = () => settleStepUp(false);
  return (
    <Dialog opened onClose={cancel} closeOnClickOutside={false} title={t('shell.stepUp.title')}>
      <StepUpForm cancel={cancel} />
    </Dialog>
  );
}

function StepUpForm({ cancel }: { cancel: () => void }) {
  const me = useMe();
  const second = me.user.totp_enabled;
  const form = useApiForm({
    schema,
    defaults: { password: '', totp: '' },
    submit: async ({ password, totp }) => {
      await stepUp({ password, totp: second && totp ? totp.replace(/\s/g, '') : null });
      settleStepUp(true);
    },
  });
  return (
    <form
      onSubmit={(event) => {
        // The form below, over which the dialogue lies, is not meant.
        event.stopPropagation();
        void form.send(event);
      }}
      noValidate
    >
      <Stack gap="sm">
        <Text size="md">{t('shell.stepUp.text')}</Text>
        <FormProblem messages={form.problem} />
        <input type="text" autoComplete="username" value={me.user.email} readOnly hidden />
        <PasswordInput data-autofocus label={t('shell.stepUp.password')} autoComplete="current-password" error={form.error('password')} {...form.register('password')} />
        {second && <TextInput label={t('shell.stepUp.code')} autoComplete="one-time-code" error={form.error('totp')} {...form.register('totp')} />}
        <Group gap="xs" justify="flex-end">
          <Button variant="default" onClick={cancel}>
            {t('ui.action.cancel')}
          </Button>
          <Button type="submit" loading={form.formState.isSubmitting}>
            {t('shell.stepUp.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
