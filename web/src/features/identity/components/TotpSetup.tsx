import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { Download } from 'lucide-react';
import { useState } from 'react';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { CopyField, CopyIcon } from '@/ui/Copy';
import { Notice } from '@/ui/Notice';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { code, required, z } from '@/ui/rules';
import { confirmTotp, startTotp } from '../queries';
import classes from './Gate.module.css';
import { QrCode } from './QrCode';

type Secret = Schemas['identity.TotpSecret'];

/** Password → QR code and first code → backup codes. `done` is called when the codes are put away. */
export function TotpSetup({ done, cancel }: { done: () => void; cancel?: () => void }) {
  const [secret, setSecret] = useState<Secret | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  if (codes) return <BackupCodes codes={codes} done={done} />;
  if (secret) return <Scan secret={secret} confirmed={setCodes} />;
  return <AskPassword started={setSecret} cancel={cancel} />;
}

function AskPassword({ started, cancel }: { started: (secret: Secret) => void; cancel?: () => void }) {
  const form = useApiForm({
    schema: z.object({ password: required() }),
    defaults: { password: '' },
    submit: async ({ password }) => started(await startTotp(password)),
  });
  return (
    <form onSubmit={form.send} noValidate>
      <Stack gap="sm">
        <FormProblem messages={form.problem} />
        <PasswordInput data-autofocus label={t('identity.field.password')} description={t('identity.totp.passwordWhy')} autoComplete="current-password" error={form.error('password')} {...form.register('password')} />
        <FormButtons label={t('identity.totp.start')} busy={form.formState.isSubmitting} cancel={cancel} />
      </Stack>
    </form>
  );
}

function Scan({ secret, confirmed }: { secret: Secret; confirmed: (codes: string[]) => void }) {
  const form = useApiForm({
    schema: z.object({ code: code() }),
    defaults: { code: '' },
    submit: async (values) => confirmed((await confirmTotp(values.code.replace(/\s/g, ''))).backup_codes),
  });
  return (
    <form onSubmit={form.send} noValidate>
      <Stack gap="md">
        <Text size="md">{t('identity.totp.scan')}</Text>
        <div className={classes.qr}>
          <QrCode text={secret.otpauth_uri} />
        </div>
        <div>
          <Text size="sm" c="dimmed" mb={4}>
            {t('identity.totp.manual')}
          </Text>
          <CopyField label={t('identity.totp.secret')} value={secret.secret} />
        </div>
        <FormProblem messages={form.problem} />
        <TextInput autoFocus label={t('identity.field.code')} inputMode="numeric" autoComplete="one-time-code" maxLength={8} error={form.error('code')} {...form.register('code')} />
        <FormButtons label={t('identity.totp.confirm')} busy={form.formState.isSubmitting} />
      </Stack>
    </form>
  );
}

function BackupCodes({ codes, done }: { codes: string[]; done: () => void }) {
  const text = codes.join('\n');
  const save = () => {
    const url = URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/plain' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = 'mpanel-backup-codes.txt';
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Stack gap="md" mt="md">
      <Notice tone="ok" title={t('identity.totp.on')}>
        {t('identity.totp.codesText')}
      </Notice>
      <ul className={classes.codes} aria-label={t('identity.totp.codes')}>
        {codes.map((item) => (
          <li key={item}>{item}</li>
        ))}
      </ul>
      <Group gap="xs">
        <Button variant="default" leftSection={<Download size={15} />} onClick={save}>
          {t('ui.action.download')}
        </Button>
        <CopyIcon value={text} label={t('identity.totp.copyCodes')} />
      </Group>
      <Group>
        <Button autoFocus onClick={done}>{t('identity.totp.kept')}</Button>
      </Group>
    </Stack>
  );
}
