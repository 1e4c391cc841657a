import { Checkbox, Select, SimpleGrid, Stack, TextInput, Textarea } from '@mantine/core';
import { useState } from 'react';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { CopyField } from '@/ui/Copy';
import { Notice } from '@/ui/Notice';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { ButtonLink } from '@/ui/links';
import { optional, required, z } from '@/ui/rules';
import type { CreateApiToken } from '../queries';
import { networksOf } from './networks';
import { BELOW, EVERYTHING, presetsFor, scopesOf } from './scopes';

const LIFETIMES = ['7', '30', '90', '365'];
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const schema = z.object({ name: required(), scopes: z.array(z.string()).check(z.minLength(1, 'ui.rule.scopes')), days: z.string(), networks: optional() });

interface Values {
  name: string;
  scopes: string[];
  days: string;
  networks: string;
}

interface Props {
  title: string;
  text: string;
  back: { to: string; label: string };
  /** Where it is sent to, and the words of the command before the name. */
  path: string;
  cli: string[];
  create: (body: CreateApiToken) => Promise<{ token: string | null }>;
}

/** A page that makes a token and shows it once: of a person or of a service account. */
export function TokenForm({ title, text, back, path, cli, create }: Props) {
  const { id: tenant, tenant: acting } = useActing();
  const [secret, setSecret] = useState<string | null>(null);
  const form = useApiForm<Values>({
    schema,
    defaults: { name: '', scopes: [], days: '90', networks: '' },
    rename: { expires_at: 'days', allowed_networks: 'networks' },
    submit: async (values) => setSecret((await create(toBody(values))).token),
  });
  if (secret) return <Secret value={secret} back={back} />;
  const body = toBody(form.watch());
  return (
    <Page title={title} description={text} back={back} narrow>
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
                    {presetsFor(acting.kind).map(({ id, label }) => (
                      <Checkbox key={id} value={id} label={t(label)} disabled={field.value.includes(EVERYTHING) && id !== BELOW} />
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
            <Textarea autosize minRows={2} label={t('identity.tokens.networks')} description={t('identity.tokens.networksHint')} error={form.error('networks')} {...form.register('networks')} />
            <FormButtons label={title} busy={form.formState.isSubmitting} />
          </Stack>
        </form>
      </Section>
      <ApiPanel
        tenant={tenant}
        example={{
          method: 'POST',
          path,
          body,
          cli: [
            ...cli,
            body.name,
            ...body.scopes.flatMap((scope) => ['--scope', scope]),
            ...(body.allowed_networks ?? []).flatMap((network) => ['--allow', network]),
            '--expires-at',
            body.expires_at ?? '',
          ],
        }}
      />
    </Page>
  );
}

/** The one time that a token is seen. */
export function Secret({ value, back }: { value: string; back: { to: string; label: string } }) {
  return (
    <Page title={t('identity.tokens.createdTitle')} back={back} narrow>
      <Section>
        <Stack gap="md">
          <Notice tone="warn">{t('identity.tokens.once')}</Notice>
          <CopyField autoFocus label={t('identity.tokens.secret')} value={value} />
          <ButtonLink to={back.to} style={{ alignSelf: 'flex-start' }}>
            {t('identity.tokens.copied')}
          </ButtonLink>
        </Stack>
      </Section>
    </Page>
  );
}

function toBody({ name, scopes, days, networks }: Values): CreateApiToken {
  return {
    name,
    scopes: scopesOf(scopes),
    allowed_networks: networksOf(networks),
    // Down to the minute: the longest life that is offered is the longest that is allowed.
    expires_at: new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS + Number(days) * DAY_MS).toISOString(),
  };
}
