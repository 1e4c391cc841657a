import { Button, NumberInput, Stack, Switch, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { optional, orNull, required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { SiteFrame } from '../components/SiteFrame';
import { SITES, deleteSite, updateSite, type Site } from '../queries';

export function SiteSettingsPage() {
  return (
    <SiteFrame>
      {(site) => (
        <>
          <SettingsForm key={site.version} site={site} />
          <DeleteSite site={site} />
        </>
      )}
    </SiteFrame>
  );
}

const schema = z.object({
  name: required(),
  settings: z.object({
    https_redirect: z.boolean(),
    spa_fallback: z.boolean(),
    not_found_page: optional(),
    keep_releases: z.int('ui.rule.keep').check(z.gte(1, 'ui.rule.keep'), z.lte(100, 'ui.rule.keep')),
  }),
});
type Values = z.infer<typeof schema>;

function SettingsForm({ site }: { site: Site }) {
  const { id: tenant, api, can } = useActing();
  const write = useWrite((body: Schemas['sites.SitePatch']) => updateSite(api, site, body), SITES);
  const form = useApiForm<Values>({
    schema,
    defaults: { name: site.name, settings: { ...site.settings, not_found_page: site.settings.not_found_page ?? '' } },
    submit: async (values) => {
      await write.mutateAsync(toBody(values));
      toast(t('sites.settings.saved'));
    },
  });
  const may = can('sites:write');
  const spa = form.watch('settings.spa_fallback');
  return (
    <Section title={t('sites.settings.title')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="md" maw={560}>
          <FormProblem messages={form.problem} />
          <TextInput label={t('sites.name')} autoComplete="off" disabled={!may} error={form.error('name')} {...form.register('name')} />
          <Toggle form={form} name="settings.https_redirect" label={t('sites.settings.https')} hint={t('sites.settings.httpsHint')} disabled={!may} />
          <Toggle form={form} name="settings.spa_fallback" label={t('sites.settings.spa')} hint={t('sites.settings.spaHint')} disabled={!may} />
          <TextInput
            label={t('sites.settings.notFound')}
            description={t(spa ? 'sites.settings.notFoundUnused' : 'sites.settings.notFoundHint')}
            placeholder="404.html"
            autoComplete="off"
            disabled={spa || !may}
            error={form.error('settings.not_found_page')}
            {...form.register('settings.not_found_page')}
          />
          <Controller
            control={form.control}
            name="settings.keep_releases"
            render={({ field }) => (
              <NumberInput label={t('sites.settings.keep')} description={t('sites.settings.keepHint')} min={1} max={100} clampBehavior="none" styles={{ input: { maxWidth: 140 } }} hideControls disabled={!may} value={field.value} onChange={field.onChange} error={form.error('settings.keep_releases')} />
            )}
          />
          {may ? <FormButtons label={t('ui.action.save')} busy={form.formState.isSubmitting} disabled={!form.formState.isDirty} /> : <Text c="dimmed">{t('sites.readOnly')}</Text>}
        </Stack>
      </form>
      <div style={{ marginTop: 12 }}>
        <ApiPanel tenant={tenant} example={{ method: 'PATCH', path: `/api/v1/sites/${site.id}`, body: toBody(form.watch()) }} />
      </div>
    </Section>
  );
}

function Toggle({ form, name, label, hint, disabled }: { form: ReturnType<typeof useApiForm<Values>>; name: 'settings.https_redirect' | 'settings.spa_fallback'; label: string; hint: string; disabled: boolean }) {
  return (
    <Controller
      control={form.control}
      name={name}
      render={({ field }) => <Switch label={label} description={hint} disabled={disabled} checked={field.value} onChange={(event) => field.onChange(event.currentTarget.checked)} onBlur={field.onBlur} />}
    />
  );
}

function toBody({ name, settings }: Values): Schemas['sites.SitePatch'] {
  return { name, settings: { ...settings, not_found_page: orNull(settings.not_found_page) } };
}

function DeleteSite({ site }: { site: Site }) {
  const { api, paths, can } = useActing();
  const navigate = useNavigate();
  const [opened, { open, close }] = useDisclosure(false);
  const remove = useWrite(() => deleteSite(api, site.id), SITES);
  if (!can('sites:delete')) return null;
  const run = async () => {
    await remove.mutateAsync(undefined);
    toast(t('sites.delete.started', { name: site.name }));
    await navigate({ to: paths.sites });
  };
  return (
    <Section title={t('sites.delete.title')} hint={t('sites.delete.hint')}>
      <Button variant="default" color="red" onClick={open}>
        {t('sites.delete.action')}
      </Button>
      <ConfirmDelete opened={opened} close={close} title={t('sites.delete.confirm', { name: site.name })} name={site.name} action={t('sites.delete.action')} run={run}>
        {t('sites.delete.text', { domains: site.domains.map(({ name }) => name).join(', ') || t('sites.delete.noDomains') })}
      </ConfirmDelete>
    </Section>
  );
}
