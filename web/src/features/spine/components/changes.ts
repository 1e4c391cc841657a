import { t, tOr } from '@/i18n';
import { facts, shortId, type Directory } from '@/ui/directory';
import { absoluteTime, entitlement, quantity } from '@/ui/format';

export interface Change {
  /** Where it is: `settings.spa_fallback`. */
  field: string;
  /** `undefined` where there was no such field. */
  before: unknown;
  after: unknown;
}

/** The fields that differ, flattened. */
export function changes(before: unknown, after: unknown): Change[] {
  const old = flatten(before);
  const now = flatten(after);
  const fields = [...new Set([...old.keys(), ...now.keys()])];
  return fields
    .map((field) => ({ field, before: old.get(field), after: now.get(field) }))
    .filter((change) => JSON.stringify(change.before) !== JSON.stringify(change.after));
}

function flatten(value: unknown, prefix = '', into = new Map<string, unknown>()): Map<string, unknown> {
  const inner = Object.entries(facts(value));
  if (inner.length > 0) for (const [key, part] of inner) flatten(part, prefix ? `${prefix}.${key}` : key, into);
  else if (prefix) into.set(prefix, value);
  else if (value !== null && typeof value !== 'object' && value !== undefined) into.set('value', value);
  return into;
}

const LIMITS = 'entitlements.';

/** A field's name for people; one this panel does not know stays as it is. */
export function fieldName(field: string): string {
  if (field.startsWith(LIMITS)) return entitlement(field.slice(LIMITS.length)).label;
  return tOr(`ui.field.${field.split('.').at(-1)}`, field);
}

const ID = /^[a-z]+_[0-9a-z]{26}$/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** A value for people: sizes with units, times in their zone, names instead of ids. */
export function fieldValue(field: string, value: unknown, { name }: Directory): string {
  if (field.startsWith(LIMITS) && (value === null || typeof value === 'number')) return quantity(value, entitlement(field.slice(LIMITS.length)).kind);
  if (value === null || value === undefined || value === '') return t('spine.audit.nothing');
  if (typeof value === 'boolean') return t(value ? 'ui.yes' : 'ui.no');
  if (typeof value === 'number') return /(^|[._])(size|bytes)$/.test(field) ? quantity(value, 'bytes') : String(value);
  if (Array.isArray(value)) return value.map((item) => fieldValue(field, item, { name, path: () => undefined })).join(', ');
  if (typeof value !== 'string') return JSON.stringify(value);
  if (ID.test(value)) return name(value) ?? shortId(value);
  if (TIME.test(value)) return absoluteTime(value);
  if (field === 'role') return tOr(`ui.role.${value}`, value);
  if (field === 'kind') return tOr(`shell.kind.${value}`, value);
  return field === 'state' ? tOr(`ui.state.${value}`, value) : value;
}
