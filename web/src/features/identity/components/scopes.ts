import type { Kind } from '@/api/access';
import type { Key } from '@/i18n';

/** What people choose from. On the wire a scope is `resource:action`, `resource:*` or `*`. */
export interface Preset {
  id: string;
  label: Key;
  scopes: readonly string[];
}

const resources = (context: string, ...names: string[]) => names.map((name) => `${context}.${name}`);
const SITES = [...resources('sites', 'site', 'domain', 'upload', 'release'), ...resources('spine', 'operation')];
const DNS = resources('dns', 'zone', 'record');
const TENANCY = resources('tenancy', 'tenant', 'member', 'plan');

const all = (names: string[]) => names.map((resource) => `${resource}:*`);
const see = (names: string[]) => names.flatMap((resource) => [`${resource}:list`, `${resource}:read`]);

export const EVERYTHING = '*';
/** Everything is not everywhere: acting for the tenants below is said besides. */
export const BELOW = 'below';
/** In pairs: what sees comes before what changes as well. */
export const PRESETS: readonly Preset[] = [
  { id: EVERYTHING, label: 'identity.scope.all', scopes: [EVERYTHING] },
  { id: 'sites:read', label: 'identity.scope.sitesRead', scopes: see(SITES) },
  { id: 'sites:write', label: 'identity.scope.sitesWrite', scopes: all(SITES) },
  { id: 'dns:read', label: 'identity.scope.dnsRead', scopes: see(DNS) },
  { id: 'dns:write', label: 'identity.scope.dnsWrite', scopes: all(DNS) },
  // Members are only listed: nobody is read one by one.
  { id: 'tenancy:read', label: 'identity.scope.tenancyRead', scopes: see(TENANCY).filter((scope) => scope !== 'tenancy.member:read') },
  { id: 'tenancy:write', label: 'identity.scope.tenancyWrite', scopes: all(TENANCY) },
  { id: 'audit:read', label: 'identity.scope.auditRead', scopes: ['spine.audit:list'] },
  { id: BELOW, label: 'identity.scope.below', scopes: [BELOW] },
];

/** What is offered besides everything: a customer has nobody below it, only members and its plan. */
export function presetsFor(kind: Kind): Preset[] {
  const offered = PRESETS.filter(({ id }) => id !== EVERYTHING);
  if (kind !== 'customer') return offered;
  return offered.filter(({ id }) => id !== BELOW).map((preset) => ({ ...preset, label: OF_CUSTOMER[preset.id] ?? preset.label }));
}

const OF_CUSTOMER: Record<string, Key> = { 'tenancy:read': 'identity.scope.membersRead', 'tenancy:write': 'identity.scope.membersWrite' };

export function scopesOf(ids: readonly string[]): string[] {
  if (ids.includes(EVERYTHING)) return ids.includes(BELOW) ? [EVERYTHING, BELOW] : [EVERYTHING];
  return [...new Set(PRESETS.filter(({ id }) => ids.includes(id)).flatMap(({ scopes }) => scopes))];
}

/** The presets that a token has in full, and the scopes that belong to none of them. */
export function describe(scopes: readonly string[]): { presets: Preset[]; rest: string[] } {
  const presets = PRESETS.filter((preset) => preset.scopes.every((scope) => scopes.includes(scope)));
  const covered = new Set(presets.flatMap((preset) => preset.scopes));
  return { presets, rest: scopes.filter((scope) => !covered.has(scope)) };
}
