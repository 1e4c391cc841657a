import { BUILT_IN, isBuiltIn, type Role } from '@/api/access';
import { t } from '@/i18n';

/** An owner's role is for owners to give and to take. */
export function rolesFor(acting: Role | null): readonly Role[] {
  return acting === 'owner' ? BUILT_IN : BUILT_IN.filter((role) => role !== 'owner');
}

/** What a role is called: a built-in one here, another where it was defined. */
export function roleName({ role, role_name }: { role: Role; role_name?: string | null }): string {
  return isBuiltIn(role) ? t(`ui.role.${role}`) : (role_name ?? t('tenancy.role.gone'));
}
