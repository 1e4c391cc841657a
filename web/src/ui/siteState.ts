import type { Schemas } from '@/api/types';
import type { State, Tone } from './state';

type Shown = Pick<Schemas['sites.Site'], 'state' | 'active_release_id'> & {
  status: Pick<Schemas['sites.Status'], 'ready' | 'conditions'> | Pick<Schemas['sites.StatusSummary'], 'ready' | 'blocked_by'>;
};

/** What a site waits for that does not come by itself: lists say only that, the site itself says more. */
function blockedBy(status: Shown['status']) {
  if ('blocked_by' in status) return status.blocked_by;
  return status.conditions.filter(({ status }) => status === 'false').map(({ type }) => type);
}

/** The one word shown for a site. The sentence beside it (`status.summary`) is the server's. */
export function siteState(site: Shown): { state: State; tone: Tone } {
  if (site.state === 'deleting') return { state: 'deleting', tone: 'warn' };
  const blocked = blockedBy(site.status);
  if (blocked.includes('suspended')) return { state: 'suspended', tone: 'warn' };
  if (blocked.includes('traffic')) return { state: 'paused', tone: 'warn' };
  if (!site.active_release_id) return { state: 'draft', tone: 'idle' };
  if (site.status.ready) return { state: 'live', tone: 'ok' };
  return blocked.length > 0 ? { state: 'attention', tone: 'warn' } : { state: 'pending', tone: 'busy' };
}
