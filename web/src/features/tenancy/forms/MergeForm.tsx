import { Checkbox, Select, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Dialog } from '@/ui/Dialog';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { MergeOutlook } from '../components/MergeOutlook';
import { TENANTS, mergeTenant, type Merge, type Tenant } from '../queries';

interface Values {
  into: string;
  members: boolean;
  name: string;
}

/** Lets another tenant take a customer over. What would become of what is shown before its name is asked for. */
export function MergeForm({ customer, close }: { customer: Tenant; close: () => void }) {
  const { id, tenant, api } = useActing();
  const below = useQuery(getQuery(id, '/api/v1/tenants', { query: { limit: 200 } }));
  const write = useWrite((body: Merge) => mergeTenant(api, customer.id, body), TENANTS);
  const form = useApiForm<Values>({
    schema: z.object({ into: required(), members: z.boolean(), name: required() }),
    defaults: { into: '', members: true, name: '' },
    submit: async ({ into, members, name }) => {
      await write.mutateAsync({ into, members, name: name.trim(), tenants_below: shown.data?.tenants_below ?? 0 });
      toast(t('tenancy.merge.done', { name: customer.name }));
      close();
    },
  });
  const { into, members, name } = form.watch();
  const shown = useQuery({
    ...getQuery(id, '/api/v1/tenants/{tenant_id}/merge', { path: { tenant_id: customer.id }, query: { into, members } }),
    enabled: into !== '',
  });
  const may = ({ kind }: Tenant) => customer.kind === 'customer' || kind !== 'customer';
  const others = (below.data?.items ?? []).filter((one) => may(one) && one.id !== customer.id && one.state === 'active');
  const places = [...(tenant.kind === 'customer' ? [] : [{ id, name: tenant.name }]), ...others.filter((one) => one.id !== id)];
  const ready = shown.data !== undefined && shown.data.in_the_way.length === 0 && name.trim() === customer.name;
  return (
    <Dialog opened onClose={close} title={t('tenancy.merge.title', { name: customer.name })} size="lg">
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <p className="mp-plain">{t('tenancy.merge.text')}</p>
          <FormProblem messages={form.problem} />
          <Controller
            control={form.control}
            name="into"
            render={({ field }) => (
              <Select
                label={t('tenancy.merge.into')}
                searchable
                data={places.map((one) => ({ value: one.id, label: one.name }))}
                value={field.value || null}
                onChange={(value) => field.onChange(value ?? '')}
                error={form.error('into')}
              />
            )}
          />
          <Checkbox label={t('tenancy.merge.members')} description={t('tenancy.merge.membersHint')} {...form.register('members')} />
          {into !== '' && shown.isPending && <Loading />}
          {shown.error && <ErrorNotice error={shown.error} />}
          {shown.data && <MergeOutlook preview={shown.data} />}
          {shown.data?.in_the_way.length === 0 && (
            <TextInput
              label={rich('ui.confirm.type', { name: <strong className="mp-break">{customer.name}</strong> })}
              autoComplete="off"
              spellCheck={false}
              {...form.register('name')}
              error={form.error('name')}
            />
          )}
          <FormButtons label={t('tenancy.merge.action')} busy={form.formState.isSubmitting} disabled={!ready} cancel={close} />
          <ApiPanel
            tenant={id}
            example={{
              method: 'POST',
              path: `/api/v1/tenants/${customer.id}/merge`,
              body: { into, members, name: customer.name, tenants_below: shown.data?.tenants_below ?? 0 },
              cli: ['tenant', 'merge', customer.id, '--into', into, ...(members ? [] : ['--without-members'])],
            }}
          />
        </Stack>
      </form>
    </Dialog>
  );
}
