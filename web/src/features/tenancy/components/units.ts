export const UNITS = ['MB', 'GB', 'TB'] as const;
export type Unit = (typeof UNITS)[number];

const SIZE: Record<Unit, number> = { MB: 1e6, GB: 1e9, TB: 1e12 };

/** The largest unit that shows the number without a fraction. */
export function splitUnit(bytes: number): { number: number; unit: Unit } {
  for (const unit of ['TB', 'GB'] as const) {
    if (bytes >= SIZE[unit] && Number.isInteger(bytes / SIZE[unit])) return { number: bytes / SIZE[unit], unit };
  }
  return bytes === 0 ? { number: 0, unit: 'GB' } : { number: bytes / SIZE.MB, unit: 'MB' };
}

export function joinUnit(number: number, unit: Unit): number {
  return Math.round(number * SIZE[unit]);
}
