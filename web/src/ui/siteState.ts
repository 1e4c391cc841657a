import type { Schemas } from '@/api/types';
import type { State, Tone } from './state';

/** The one word shown for a site. The sentence beside it (`status.summary`) is the server's. */
export function siteState(site: Pick<Schemas['sites.Site'], 'state' | 'status' | 'active_release_id'>): { state: State; tone: Tone } {
  if (site.state === 'deleting') return { state: 'deleting', tone: 'warn' };
  if (site.status.conditions.some(({ type, status }) => type === 'traffic' && status === 'false')) return { state: 'paused', tone: 'warn' };
  if (!site.active_release_id) return { state: 'draft', tone: 'idle' };
  if (site.status.ready) return { state: 'live', tone: 'ok' };
  const failed = site.status.conditions.some(({ status }) => status === 'false');
  return failed ? { state: 'attention', tone: 'warn' } : { state: 'pending', tone: 'busy' };
}
