import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { isBuiltIn, type Role } from '@/api/access';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import { roleName, rolesFor } from './roles';

interface Props {
  /** Whose member it is: the acting tenant's own roles are for its own members. */
  of: string;
  value: Role;
  onChange: (role: Role) => void;
  error?: string;
}

/** The roles that the user may give, each with what it allows. */
export function RoleSelect({ of, value, onChange, error }: Props) {
  const { id, tenant } = useActing();
  const { data } = useQuery({ ...getQuery(id, '/api/v1/roles', { query: { limit: 200 } }), enabled: of === id });
  const defined = (of === id && data?.items) || [];
  const hint = isBuiltIn(value) ? t(`tenancy.roleHint.${value}`) : defined.find((role) => role.id === value)?.description;
  return (
    <Select
      label={t('tenancy.member.role')}
      description={hint}
      allowDeselect={false}
      data={[...rolesFor(tenant.role).map((role) => ({ value: role, label: roleName({ role }) })), ...defined.map((role) => ({ value: role.id, label: role.name }))]}
      value={value}
      onChange={(role) => role && onChange(role)}
      error={error}
    />
  );
}
