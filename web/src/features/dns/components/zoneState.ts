import type { Tone } from '@/ui/state';
import type { Zone } from '../queries';

/** Whether the name servers answer for the zone; whether the registrar points at them is a condition of its own. */
export function zoneState({ status }: Pick<Zone, 'status'>): { state: string; tone: Tone } {
  if (status.ready) return { state: 'live', tone: 'ok' };
  return status.conditions.some((condition) => condition.status === 'false') ? { state: 'attention', tone: 'warn' } : { state: 'pending', tone: 'busy' };
}
