import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { ShieldCheck, ShieldOff } from 'lucide-react';
import { useActing } from '@/api/acting';
import { meQuery, useMe } from '@/api/session';
import { t, tOr } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { DataTable } from '@/ui/DataTable';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { TextLink } from '@/ui/links';
import { tenantPaths } from '@/ui/paths';
import { required, z } from '@/ui/rules';
import { ChangeEmail } from '../components/ChangeEmail';
import { ChangePassword } from '../components/ChangePassword';
import { TotpSetup } from '../components/TotpSetup';
import { disableTotp } from '../queries';

export function ProfilePage() {
  const me = useMe();
  const { paths } = useActing();
  return (
    <Page title={t('identity.profile.title')} description={me.user.email} narrow>
      <ChangeEmail />
      <ChangePassword />
      <Totp enabled={me.user.totp_enabled} />
      <Section title={t('identity.profile.memberships')} hint={t('identity.profile.membershipsHint')} flush>
        <DataTable
          label={t('identity.profile.memberships')}
          rows={me.memberships}
          rowKey={({ tenant }) => tenant.id}
          empty={null}
          columns={[
            { key: 'name', header: t('identity.profile.tenant'), main: true, cell: ({ tenant }) => <TextLink to={tenantPaths(tenant.id).overview}>{tenant.name}</TextLink> },
            { key: 'kind', header: t('identity.profile.kind'), cell: ({ tenant }) => t(`shell.kind.${tenant.kind}`) },
            { key: 'role', header: t('identity.profile.role'), cell: ({ role, role_name }) => tOr(`ui.role.${role}`, role_name ?? role) },
          ]}
        />
      </Section>
      <TextLink to={paths.sessions}>{t('identity.profile.sessions')}</TextLink>
    </Page>
  );
}

function Totp({ enabled }: { enabled: boolean }) {
  const client = useQueryClient();
  const [setup, setupControl] = useDisclosure(false);
  const [off, offControl] = useDisclosure(false);
  const refresh = () => client.fetchQuery({ ...meQuery, staleTime: 0 });
  return (
    <Section title={t('identity.totp.title')} hint={t('identity.totp.hint')}>
      <Group gap="sm">
        {enabled ? <ShieldCheck size={20} color="var(--mp-ok)" className="mp-icon" aria-hidden /> : <ShieldOff size={20} color="var(--mp-warn)" className="mp-icon" aria-hidden />}
        <Text size="md" style={{ flex: 1 }}>
          {t(enabled ? 'identity.totp.isOn' : 'identity.totp.isOff')}
        </Text>
        {enabled ? (
          <Button variant="default" onClick={offControl.open}>
            {t('identity.totp.turnOff')}
          </Button>
        ) : (
          <Button onClick={setupControl.open}>{t('identity.totp.turnOn')}</Button>
        )}
      </Group>
      <Dialog opened={setup} onClose={setupControl.close} title={t('identity.totp.title')} closeOnClickOutside={false}>
        <TotpSetup
          done={() => {
            setupControl.close();
            void refresh();
          }}
          cancel={setupControl.close}
        />
      </Dialog>
      <Dialog opened={off} onClose={offControl.close} title={t('identity.totp.turnOff')}>
        <TurnOff
          cancel={offControl.close}
          done={() => {
            offControl.close();
            void refresh();
          }}
        />
      </Dialog>
    </Section>
  );
}

function TurnOff({ done, cancel }: { done: () => void; cancel: () => void }) {
  const form = useApiForm({
    schema: z.object({ password: required() }),
    defaults: { password: '' },
    submit: async ({ password }) => {
      await disableTotp(password);
      done();
    },
  });
  return (
    <form onSubmit={form.send} noValidate>
      <Stack gap="sm">
        <Text size="md">{t('identity.totp.turnOffText')}</Text>
        <FormProblem messages={form.problem} />
        <PasswordInput data-autofocus label={t('identity.field.password')} autoComplete="current-password" error={form.error('password')} {...form.register('password')} />
        <FormButtons label={t('identity.totp.turnOff')} busy={form.formState.isSubmitting} cancel={cancel} />
      </Stack>
    </form>
  );
}
