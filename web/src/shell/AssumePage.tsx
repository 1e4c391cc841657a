import { Button, Group, Select, Stack, Text, Textarea } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { Controller } from 'react-hook-form';
import { api, unwrap } from '@/api/client';
import { ApiError } from '@/api/problem';
import { useMe } from '@/api/session';
import type { Assumption } from '@/api/types';
import { t } from '@/i18n';
import { Page, Section } from '@/ui/Page';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { tenantPaths } from '@/ui/paths';
import { z } from '@/ui/rules';
import classes from './Shell.module.css';
import { useTenantSearch } from './tenants';

const MINUTES = ['15', '60', '240', '480'];
const LOOK_AGAIN_MS = 5_000;
const schema = z.object({ reason: z.string().check(z.trim(), z.minLength(5, 'shell.assume.reasonShort')), minutes: z.string() });

/** Asks the user why he acts for a tenant below his own; where that tenant wants to be asked, waits for its answer. */
export function AssumePage({ tenant, again, asked }: { tenant: string; again: () => void; asked: boolean }) {
  const me = useMe();
  const navigate = useNavigate();
  const [waiting, setWaiting] = useState(false);
  const form = useApiForm<{ reason: string; minutes: string }>({
    schema,
    defaults: { reason: '', minutes: '60' },
    submit: async ({ reason, minutes }) => {
      const { state } = await assume(me.memberships, tenant, { reason, minutes: Number(minutes) });
      if (state === 'waiting') setWaiting(true);
      else again();
    },
  });
  useEffect(() => {
    if (!waiting) return undefined;
    const timer = setInterval(again, LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [waiting, again]);
  const home = tenantPaths(me.home_tenant.id).overview;
  const name = useTenantSearch('', true).find(({ id }) => id === tenant)?.name;

  return (
    <main id="content" className={classes.content}>
      <Page title={t('shell.assume.title')} description={t(asked ? 'shell.assume.textAsked' : 'shell.assume.text')} narrow>
        <Section {...(name ? { title: name } : {})}>
          {waiting ? (
            <Stack gap="md">
              <Text role="status">{t('shell.assume.waiting')}</Text>
              <Group>
                <Link to={home}>{t('shell.actingBack', { name: me.home_tenant.name })}</Link>
              </Group>
            </Stack>
          ) : (
            <form onSubmit={form.send} noValidate>
              <Stack gap="md">
                <FormProblem messages={form.problem} />
                <Textarea data-autofocus autoFocus autosize minRows={2} maxLength={300} label={t('shell.assume.reason')} description={t('shell.assume.reasonHint')} placeholder={t('shell.assume.reasonExample')} error={form.error('reason')} {...form.register('reason')} />
                <Controller
                  control={form.control}
                  name="minutes"
                  render={({ field }) => (
                    <Select label={t('shell.assume.minutes')} allowDeselect={false} data={MINUTES.map((minutes) => ({ value: minutes, label: span(Number(minutes)) }))} value={field.value} onChange={field.onChange} error={form.error('minutes')} />
                  )}
                />
                <FormButtons label={t(asked ? 'shell.assume.ask' : 'shell.assume.begin')} busy={form.formState.isSubmitting}>
                  <Button variant="default" onClick={() => void navigate({ to: home })}>
                    {t('ui.action.cancel')}
                  </Button>
                </FormButtons>
              </Stack>
            </form>
          )}
        </Section>
      </Page>
    </main>
  );
}

function span(minutes: number): string {
  return minutes < 60 ? t('shell.assume.minutesOf', { count: minutes }) : t('shell.assume.hoursOf', { count: minutes / 60 });
}

/** Which of the user's tenants stands above is known to the server alone: those that could are asked in turn. */
async function assume(memberships: readonly { tenant: { id: string; kind: string } }[], tenant: string, body: { reason: string; minutes: number }): Promise<Assumption> {
  let last: unknown = null;
  for (const { tenant: own } of memberships.filter(({ tenant: { kind } }) => kind !== 'customer')) {
    try {
      return await unwrap(api(own.id).POST('/api/v1/tenants/{tenant_id}/assumptions', { params: { path: { tenant_id: tenant } }, body }));
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 403)) throw error;
      last = error;
    }
  }
  throw last;
}
