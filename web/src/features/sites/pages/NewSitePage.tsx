import { Stack, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { optionalDomain, orNull, required, z } from '@/ui/rules';
import { SITES, createSite, type CreateSite } from '../queries';

interface Values {
  name: string;
  domain: string;
}

export function NewSitePage() {
  const { id: tenant, api, paths } = useActing();
  const navigate = useNavigate();
  const write = useWrite((body: CreateSite) => createSite(api, body), SITES);
  const form = useApiForm<Values>({
    schema: z.object({ name: required(), domain: optionalDomain() }),
    defaults: { name: '', domain: '' },
    submit: async (values) => {
      const site = await write.mutateAsync(toBody(values));
      await navigate({ to: paths.site(site.id) });
    },
  });
  const values = form.watch();
  return (
    <Page title={t('sites.add')} description={t('sites.addText')} back={{ to: paths.sites, label: t('sites.title') }} narrow>
      <Section>
        <form onSubmit={form.send} noValidate>
          <Stack gap="md">
            <FormProblem messages={form.problem} />
            <TextInput label={t('sites.name')} description={t('sites.nameHint')} autoComplete="off" autoFocus error={form.error('name')} {...form.register('name')} />
            <TextInput
              label={t('sites.domainOptional')}
              description={t('sites.domainHint')}
              placeholder="www.example.com"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              error={form.error('domain')}
              {...form.register('domain')}
            />
            <FormButtons label={t('sites.add')} busy={form.formState.isSubmitting} />
          </Stack>
        </form>
      </Section>
      <ApiPanel
        tenant={tenant}
        example={{ method: 'POST', path: '/api/v1/sites', body: toBody(values), cli: ['site', 'create', values.name, ...(values.domain ? ['--domain', values.domain] : [])] }}
      />
    </Page>
  );
}

function toBody({ name, domain }: Values): CreateSite {
  return { name, domain: orNull(domain.trim()) };
}
