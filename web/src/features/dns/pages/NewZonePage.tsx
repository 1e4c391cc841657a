import { Stack, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { domain, z } from '@/ui/rules';
import { ZONES, createZone } from '../queries';

export function NewZonePage() {
  const { id: tenant, api, paths } = useActing();
  const navigate = useNavigate();
  const write = useWrite((body: { apex: string }) => createZone(api, body), ZONES);
  const form = useApiForm({
    schema: z.object({ apex: domain() }),
    defaults: { apex: '' },
    submit: async (values) => {
      const zone = await write.mutateAsync(values);
      await navigate({ to: paths.zone(zone.id) });
    },
  });
  const values = form.watch();
  return (
    <Page title={t('dns.zone.add')} description={t('dns.zone.addText')} back={{ to: paths.zones, label: t('dns.zone.title') }} narrow>
      <Section>
        <form onSubmit={form.send} noValidate>
          <Stack gap="md">
            <FormProblem messages={form.problem} />
            <TextInput label={t('dns.zone.apex')} description={t('dns.zone.apexHint')} placeholder="example.com" autoComplete="off" autoCapitalize="none" spellCheck={false} autoFocus error={form.error('apex')} {...form.register('apex')} />
            <FormButtons label={t('dns.zone.add')} busy={form.formState.isSubmitting} />
          </Stack>
        </form>
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'POST', path: '/api/v1/zones', body: values, cli: ['zone', 'create', values.apex] }} />
    </Page>
  );
}
