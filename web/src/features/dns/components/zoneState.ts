import type { State, Tone } from '@/ui/state';
import type { Zone } from '../queries';

/** Whether our name servers answer for the zone as it is now. */
export function zoneState({ status }: Pick<Zone, 'status'>): { state: State; tone: Tone } {
  return status.served ? { state: 'live', tone: 'ok' } : { state: 'pending', tone: 'busy' };
}
