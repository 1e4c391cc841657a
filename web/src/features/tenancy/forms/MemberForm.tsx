import { Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Controller } from 'react-hook-form';
import type { Role } from '@/api/access';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { email, required, z } from '@/ui/rules';
import { ActivationLink } from '../components/ActivationLink';
import { RoleSelect } from '../components/RoleSelect';
import { TENANTS, addMember, type Activation, type AddMember, type Member } from '../queries';

const schema = z.object({ name: required(), email: email(), role: required() });

interface Values {
  name: string;
  email: string;
  role: Role;
}

/** `again`: somebody who never used the link; asking with the same address makes a new one. */
export function MemberForm({ tenant, again, close }: { tenant: string; again?: Member; close: () => void }) {
  const { api } = useActing();
  const [added, setAdded] = useState<{ activation: Activation; name: string } | null>(null);
  const write = useWrite((body: AddMember) => addMember(api, tenant, body), TENANTS);
  const form = useApiForm<Values>({
    schema,
    defaults: again ? { name: again.name, email: again.email, role: again.role } : { name: '', email: '', role: 'developer' },
    submit: async (values) => {
      const { activation } = await write.mutateAsync(values);
      // Somebody who has an account already needs no link.
      if (activation) setAdded({ activation, name: values.name });
      else close();
    },
  });
  return (
    <Dialog opened onClose={close} title={t(again ? 'tenancy.member.inviteAgainTitle' : 'tenancy.member.add')} closeOnClickOutside={!added}>
      {added ? (
        <ActivationLink activation={added.activation} name={added.name} />
      ) : (
        <form onSubmit={form.send} noValidate>
          <Stack gap="sm">
            {again && <Text size="md">{t('tenancy.member.inviteAgainText', { name: again.name })}</Text>}
            <FormProblem messages={form.problem} />
            <TextInput data-autofocus label={t('tenancy.member.name')} readOnly={again !== undefined} autoComplete="off" error={form.error('name')} {...form.register('name')} />
            <TextInput label={t('tenancy.member.email')} readOnly={again !== undefined} type="email" autoComplete="off" error={form.error('email')} {...form.register('email')} />
            {!again && <Controller control={form.control} name="role" render={({ field }) => <RoleSelect of={tenant} value={field.value} onChange={field.onChange} error={form.error('role')} />} />}
            <FormButtons label={t(again ? 'tenancy.member.inviteAgain' : 'tenancy.member.add')} busy={form.formState.isSubmitting} cancel={close} />
          </Stack>
        </form>
      )}
    </Dialog>
  );
}
