import type { Role } from '@/api/access';

export const ROLES = ['owner', 'admin', 'developer', 'viewer'] as const satisfies readonly Role[];

/** An owner's role is for owners to give and to take. */
export function rolesFor(acting: Role | null): readonly Role[] {
  return acting === 'owner' ? ROLES : ROLES.filter((role) => role !== 'owner');
}
