import { Select, Stack, TextInput, Textarea } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { optional, required, z } from '@/ui/rules';
import { networksOf } from '../components/networks';
import { SERVICES, createServiceAccount, type CreateServiceAccount } from '../queries';

/** Owners are people. */
const ROLES = ['viewer', 'developer', 'admin'] as const;
type Role = (typeof ROLES)[number];

const schema = z.object({ name: required(), role: required(), networks: optional() });

interface Values {
  name: string;
  role: Role;
  networks: string;
}

export function NewServiceAccountPage() {
  const { id: tenant, api, paths } = useActing();
  const navigate = useNavigate();
  const write = useWrite((body: CreateServiceAccount) => createServiceAccount(api, body), SERVICES);
  const form = useApiForm<Values>({
    schema,
    defaults: { name: '', role: 'developer', networks: '' },
    rename: { allowed_networks: 'networks' },
    submit: async (values) => {
      const { id } = await write.mutateAsync(toBody(values));
      await navigate({ to: paths.serviceAccount(id) });
    },
  });
  const body = toBody(form.watch());
  return (
    <Page title={t('identity.services.create')} description={t('identity.services.createText')} back={{ to: paths.serviceAccounts, label: t('identity.services.title') }} narrow>
      <Section>
        <form onSubmit={form.send} noValidate>
          <Stack gap="md">
            <FormProblem messages={form.problem} />
            <TextInput label={t('identity.services.name')} description={t('identity.services.nameHint')} autoComplete="off" autoFocus error={form.error('name')} {...form.register('name')} />
            <Controller
              control={form.control}
              name="role"
              render={({ field }) => (
                <Select
                  label={t('identity.services.role')}
                  allowDeselect={false}
                  data={ROLES.map((role) => ({ value: role, label: t(`ui.role.${role}`) }))}
                  value={field.value}
                  onChange={field.onChange}
                  error={form.error('role')}
                />
              )}
            />
            <Textarea autosize minRows={2} label={t('identity.services.networks')} description={t('identity.services.networksHint')} error={form.error('networks')} {...form.register('networks')} />
            <FormButtons label={t('identity.services.create')} busy={form.formState.isSubmitting} />
          </Stack>
        </form>
      </Section>
      <ApiPanel
        tenant={tenant}
        example={{
          method: 'POST',
          path: '/api/v1/service-accounts',
          body,
          cli: ['service-account', 'create', body.name, '--role', body.role, ...(body.allowed_networks ?? []).flatMap((network) => ['--allow', network])],
        }}
      />
    </Page>
  );
}

const toBody = ({ name, role, networks }: Values): CreateServiceAccount => ({ name, role, allowed_networks: networksOf(networks) });
