import { Checkbox, Select, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { CopyField } from '@/ui/Copy';
import { Notice } from '@/ui/Notice';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { ButtonLink } from '@/ui/links';
import { required, z } from '@/ui/rules';
import { EVERYTHING, PRESETS, scopesOf } from '../components/scopes';
import { createToken, type CreateApiToken } from '../queries';

const LIFETIMES = ['7', '30', '90', '365'];
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const schema = z.object({ name: required(), scopes: z.array(z.string()).check(z.minLength(1, 'ui.rule.scopes')), days: z.string() });

export function NewTokenPage() {
  const { id: tenant, api, paths } = useActing();
  const [secret, setSecret] = useState<string | null>(null);
  const write = useWrite((body: CreateApiToken) => createToken(api, body), ['/api/v1/api-tokens']);
  const form = useApiForm<{ name: string; scopes: string[]; days: string }>({
    schema,
    defaults: { name: '', scopes: [], days: '90' },
    rename: { expires_at: 'days' },
    submit: async (values) => setSecret((await write.mutateAsync(toBody(values))).token),
  });
  const back = { to: paths.tokens, label: t('identity.tokens.title') };

  if (secret) {
    return (
      <Page title={t('identity.tokens.createdTitle')} back={back} narrow>
        <Section>
          <Stack gap="md">
            <Notice tone="warn">{t('identity.tokens.once')}</Notice>
            <CopyField autoFocus label={t('identity.tokens.secret')} value={secret} />
            <ButtonLink to={paths.tokens} style={{ alignSelf: 'flex-start' }}>
              {t('identity.tokens.copied')}
            </ButtonLink>
          </Stack>
        </Section>
      </Page>
    );
  }
  const values = form.watch();
  return (
    <Page title={t('identity.tokens.create')} description={t('identity.tokens.createText')} back={back} narrow>
      <Section>
        <form onSubmit={form.send} noValidate>
          <Stack gap="md">
            <FormProblem messages={form.problem} />
            <TextInput label={t('identity.tokens.name')} description={t('identity.tokens.nameHint')} autoComplete="off" autoFocus error={form.error('name')} {...form.register('name')} />
            <Controller
              control={form.control}
              name="scopes"
              render={({ field }) => (
                <Checkbox.Group label={t('identity.tokens.scopes')} description={t('identity.tokens.scopesHint')} error={form.error('scopes')} value={field.value} onChange={field.onChange}>
                  <Checkbox value={EVERYTHING} label={t('identity.scope.all')} my="xs" />
                  <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xs">
                    {PRESETS.filter(({ id }) => id !== EVERYTHING).map(({ id, label }) => (
                      <Checkbox key={id} value={id} label={t(label)} disabled={field.value.includes(EVERYTHING)} />
                    ))}
                  </SimpleGrid>
                </Checkbox.Group>
              )}
            />
            <Controller
              control={form.control}
              name="days"
              render={({ field }) => (
                <Select
                  label={t('identity.tokens.lifetime')}
                  allowDeselect={false}
                  data={LIFETIMES.map((days) => ({ value: days, label: t('identity.tokens.days', { count: Number(days) }) }))}
                  value={field.value}
                  onChange={field.onChange}
                  error={form.error('days')}
                />
              )}
            />
            <FormButtons label={t('identity.tokens.create')} busy={form.formState.isSubmitting} />
          </Stack>
        </form>
      </Section>
      <ApiPanel
        tenant={tenant}
        example={{
          method: 'POST',
          path: '/api/v1/api-tokens',
          body: toBody(values),
          cli: ['token', 'create', values.name, ...scopesOf(values.scopes).flatMap((scope) => ['--scope', scope]), '--expires-at', toBody(values).expires_at ?? ''],
        }}
      />
    </Page>
  );
}

function toBody({ name, scopes, days }: { name: string; scopes: string[]; days: string }): CreateApiToken {
  return {
    name,
    scopes: scopesOf(scopes),
    // Down to the minute: the longest life that is offered is the longest that is allowed.
    expires_at: new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS + Number(days) * DAY_MS).toISOString(),
  };
}
