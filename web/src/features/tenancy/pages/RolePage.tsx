import { Button, Checkbox, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { Page, Section } from '@/ui/Page';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { useParam } from '@/ui/route';
import { optional, required, z } from '@/ui/rules';
import { toast } from '@/ui/toast';
import { RoleMatrix } from '../components/RoleMatrix';
import { ROLES, createRole, deleteRole, updateRole, type CreateRole, type CustomRole, type PermissionTable } from '../queries';

const schema = z.object({ name: required(), description: optional(), permissions: z.array(z.string()), reaches_descendants: z.boolean() });

interface Values {
  name: string;
  description: string;
  permissions: string[];
  reaches_descendants: boolean;
}

export function NewRolePage() {
  const { id: tenant, api, paths } = useActing();
  const navigate = useNavigate();
  const { data: table, error, refetch } = useQuery(getQuery(tenant, '/api/v1/permissions'));
  const write = useWrite((body: CreateRole) => createRole(api, body), ROLES);
  return (
    <Page title={t('tenancy.role.make')} description={t('tenancy.role.makeText')} back={{ to: paths.roles, label: t('tenancy.role.title') }}>
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {table ? (
        <RoleEditor
          table={table}
          defaults={{ name: '', description: '', permissions: [], reaches_descendants: false }}
          label={t('tenancy.role.make')}
          save={async (values) => {
            const made = await write.mutateAsync(values);
            toast(t('tenancy.role.made', { name: made.name }));
            await navigate({ to: paths.roles });
          }}
        />
      ) : (
        !error && <Loading />
      )}
    </Page>
  );
}

export function RolePage() {
  const { id: tenant, api, paths, can } = useActing();
  const navigate = useNavigate();
  const id = useParam('role');
  const { data: role, error, refetch } = useQuery(getQuery(tenant, '/api/v1/roles/{role_id}', { path: { role_id: id } }));
  const table = useQuery(getQuery(tenant, '/api/v1/permissions'));
  const [removing, removeControl] = useDisclosure(false);
  const write = useWrite((body: Values) => updateRole(api, role as CustomRole, body), ROLES);
  const remove = useWrite(() => deleteRole(api, id), ROLES);
  const back = { to: paths.roles, label: t('tenancy.role.title') };
  const failed = error ?? table.error;
  if (!role || !table.data) {
    return (
      <Page title={t('tenancy.role.one')} back={back}>
        {failed ? <ErrorNotice error={failed} retry={() => void Promise.all([refetch(), table.refetch()])} /> : <Loading />}
      </Page>
    );
  }
  const may = can('roles:write');
  return (
    <Page
      title={role.name}
      description={t('tenancy.role.usedBy', { count: role.members })}
      back={back}
      actions={
        may && (
          <Button variant="default" color="red" disabled={role.members > 0} title={role.members > 0 ? t('tenancy.role.inUse') : undefined} onClick={removeControl.open}>
            {t('tenancy.role.remove')}
          </Button>
        )
      }
    >
      <RoleEditor
        key={role.version}
        table={table.data}
        defaults={{ name: role.name, description: role.description, permissions: role.permissions, reaches_descendants: role.reaches_descendants }}
        label={t('tenancy.role.save')}
        readOnly={!may}
        save={async (values) => {
          await write.mutateAsync(values);
          toast(t('tenancy.role.saved'));
        }}
      />
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/roles/${id}`, cli: ['role', 'show', id] }} />
      <ConfirmDelete
        opened={removing}
        close={removeControl.close}
        title={t('tenancy.role.removeTitle', { name: role.name })}
        action={t('tenancy.role.remove')}
        run={async () => {
          await remove.mutateAsync(undefined);
          await navigate({ to: paths.roles });
        }}
      >
        {t('tenancy.role.removeText')}
      </ConfirmDelete>
    </Page>
  );
}

interface EditorProps {
  table: PermissionTable;
  defaults: Values;
  label: string;
  readOnly?: boolean;
  save: (values: Values) => Promise<void>;
}

function RoleEditor({ table, defaults, label, readOnly = false, save }: EditorProps) {
  const { can } = useActing();
  const form = useApiForm<Values>({ schema, defaults, submit: save });
  return (
    <form onSubmit={form.send} noValidate>
      <Section>
        <Stack gap="md">
          <FormProblem messages={form.problem} />
          <TextInput label={t('tenancy.role.name')} description={t('tenancy.role.nameHint')} readOnly={readOnly} autoComplete="off" error={form.error('name')} {...form.register('name')} />
          <TextInput label={t('tenancy.role.description')} readOnly={readOnly} autoComplete="off" error={form.error('description')} {...form.register('description')} />
          {can('customers:read') && (
            <Checkbox
              label={t('tenancy.role.below')}
              description={t('tenancy.role.belowHint')}
              disabled={readOnly || (!table.reaches_descendants && !defaults.reaches_descendants)}
              error={form.error('reaches_descendants')}
              {...form.register('reaches_descendants')}
            />
          )}
        </Stack>
      </Section>
      <Section title={t('tenancy.role.permissions')} hint={form.error('permissions') ?? t('tenancy.role.matrixHint')} flush>
        <Controller
          control={form.control}
          name="permissions"
          render={({ field }) => <RoleMatrix table={table} chosen={field.value} name={form.watch('name')} {...(readOnly ? {} : { onChange: field.onChange })} />}
        />
      </Section>
      {!readOnly && <FormButtons label={label} busy={form.formState.isSubmitting} />}
    </form>
  );
}
