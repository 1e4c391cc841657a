export interface Change {
  field: string;
  before: string | null;
  after: string | null;
}

type Json = Record<string, unknown>;

/** The fields that differ, flattened: `settings.spa_fallback: false → true`. */
export function changes(before: unknown, after: unknown): Change[] {
  const old = flatten(before);
  const now = flatten(after);
  const fields = [...new Set([...old.keys(), ...now.keys()])];
  return fields
    .map((field) => ({ field, before: old.get(field) ?? null, after: now.get(field) ?? null }))
    .filter((change) => change.before !== change.after);
}

function flatten(value: unknown, prefix = '', into = new Map<string, string>()): Map<string, string> {
  if (value === null || value === undefined) {
    if (prefix) into.set(prefix, '');
  } else if (typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value as Json)) flatten(inner, prefix ? `${prefix}.${key}` : key, into);
  } else {
    into.set(prefix || 'value', typeof value === 'string' ? value : JSON.stringify(value));
  }
  return into;
}
