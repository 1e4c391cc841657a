import { useQuery } from '@tanstack/react-query';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { useMe } from '@/api/session';
import { t } from '@/i18n';

/** Names of those who may act here; who is not a member any more, or acts from above, stays an id. */
export function useNames(): (actor: string) => string {
  const { id } = useActing();
  const me = useMe();
  const members = useQuery(getQuery(id, '/api/v1/tenants/{tenant_id}/members', { path: { tenant_id: id } }));
  const names = new Map((members.data?.items ?? []).map(({ user_id, name }) => [user_id, name]));
  names.set(me.user.id, me.user.name);
  return (actor) => names.get(actor) ?? (actor.startsWith('system:') ? t('spine.audit.system') : shortId(actor));
}

/** `rec_01m83bj333ekxrwjxjecrqe5kf` → `rec_…rqe5kf`: ids that follow each other differ at their end. */
export function shortId(id: string): string {
  const [prefix, suffix = ''] = id.split('_');
  return suffix.length > 12 ? `${prefix}_…${suffix.slice(-6)}` : id;
}
