import { t, type Key } from '@/i18n';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Decimal units, as plans and disks are sold: 1 GB = 1,000,000,000 bytes. */
export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(size) >= 100 ? 0 : 1;
  return `${size.toLocaleString(undefined, { maximumFractionDigits: digits })} ${UNITS[unit]}`;
}

export function count(value: number): string {
  return value.toLocaleString();
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'long' });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

export function absoluteTime(iso: string): string {
  return dateTime.format(new Date(iso));
}

/** "3 hours ago" for a month, then the date; always in the viewer's zone. */
export function relativeTime(iso: string, now = Date.now()): string {
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000);
  if (Math.abs(seconds) > 30 * 86_400) return dateTime.format(new Date(iso));
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return t('ui.time.now');
}

/** A span as people say it: 300 → "5 min", 86,400 → "1 day"; what is no whole number of a unit stays in the smaller one. */
export function duration(seconds: number): string {
  const [unit, size] = SPANS.find(([, length]) => seconds >= length && seconds % length === 0) ?? (['second', 1] as const);
  return new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'long' }).format(seconds / size);
}

const SPANS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** An entitlement's value in words: counts as numbers, bytes with units, null as "unlimited". */
export function quantity(value: number | null, kind: string): string {
  if (value === null) return t('ui.unlimited');
  return kind === 'bytes' ? bytes(value) : count(value);
}

const ENTITLEMENTS: Record<string, { label: Key; kind: 'count' | 'bytes' }> = {
  sites: { label: 'ui.entitlement.sites', kind: 'count' },
  domains: { label: 'ui.entitlement.domains', kind: 'count' },
  disk_bytes: { label: 'ui.entitlement.disk_bytes', kind: 'bytes' },
  traffic_bytes_month: { label: 'ui.entitlement.traffic_bytes_month', kind: 'bytes' },
};

export const ENTITLEMENT_KEYS = Object.keys(ENTITLEMENTS);

/** As people think of a plan, what this panel does not know last; the API's order says nothing. */
export function inOrder<V>(entitlements: Record<string, V>): [string, V][] {
  const place = (key: string) => (ENTITLEMENT_KEYS.includes(key) ? ENTITLEMENT_KEYS.indexOf(key) : ENTITLEMENT_KEYS.length);
  return Object.entries(entitlements).sort(([a], [b]) => place(a) - place(b));
}

/** Name and kind of an entitlement; keys this panel does not know yet show as they are. */
export function entitlement(key: string): { label: string; kind: 'count' | 'bytes' } {
  const known = ENTITLEMENTS[key];
  return known ? { label: t(known.label), kind: known.kind } : { label: key, kind: key.includes('bytes') ? 'bytes' : 'count' };
}

/** The server's texts begin in lower case, so that they can follow a colon; alone on a line they are sentences. A name stays as it is written. */
export function sentence(text: string): string {
  if (/^\S*[.@:_/]\S/.test(text)) return text;
  const [first = ''] = text;
  return first.toLocaleUpperCase() + text.slice(first.length);
}
