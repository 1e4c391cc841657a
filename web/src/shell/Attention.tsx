import { useQuery } from '@tanstack/react-query';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import classes from './Shell.module.css';

/** How much background work waits for somebody to look at it; nothing when all gets on. */
export function Attention() {
  const { id, can } = useActing();
  const dead = useQuery(getQuery(id, '/api/v1/dead-jobs', { query: { limit: 1 } }));
  const stuck = useQuery(getQuery(id, '/api/v1/stuck-objects'));
  const events = useQuery({ ...getQuery(id, '/api/v1/dead-events', { query: { limit: 1 } }), enabled: can('events:read') });
  const count = (dead.data?.total ?? 0) + (events.data?.total ?? 0) + (stuck.data?.items.length ?? 0);
  if (count === 0) return null;
  return (
    <span className={classes.attention} aria-label={t('shell.nav.attention', { count })}>
      {count > 99 ? '99+' : count}
    </span>
  );
}
