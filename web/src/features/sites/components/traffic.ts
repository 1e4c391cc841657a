import type { Schemas } from '@/api/types';

export type Traffic = Schemas['sites.Traffic'];
export type TrafficDay = Schemas['sites.TrafficDay'];
export type Measure = 'bytes_out' | 'bytes_in' | 'requests';

/** Classes of status that people are shown: visitors see no 1xx but where a connection became another protocol's. */
export const ANSWERS = ['success', 'redirect', 'client_error', 'server_error'] as const;

export interface Bar {
  day: string;
  value: number;
  /** Part of the highest bar, 0 to 1. */
  share: number;
}

/** The bars of a picture: each a part of the highest, all flat where nothing happened. */
export function bars(days: readonly TrafficDay[], measure: Measure): Bar[] {
  const highest = Math.max(1, ...days.map((day) => day[measure]));
  return days.map((day) => ({ day: day.day, value: day[measure], share: day[measure] / highest }));
}

/** Days as the server counts them: in UTC, whatever the viewer's zone. */
const dayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });

export function dayName(day: string): string {
  return dayFormat.format(new Date(`${day}T00:00:00Z`));
}
