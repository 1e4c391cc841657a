import { Select } from '@mantine/core';
import type { Role } from '@/api/access';
import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { rolesFor } from './roles';

interface Props {
  value: Role;
  onChange: (role: Role) => void;
  error?: string;
}

/** The roles that the user may give, each with what it allows. */
export function RoleSelect({ value, onChange, error }: Props) {
  const { tenant } = useActing();
  return (
    <Select
      label={t('tenancy.member.role')}
      description={t(`tenancy.roleHint.${value}`)}
      allowDeselect={false}
      data={rolesFor(tenant.role).map((role) => ({ value: role, label: t(`identity.role.${role}`) }))}
      value={value}
      onChange={(role) => role && onChange(role as Role)}
      error={error}
    />
  );
}
