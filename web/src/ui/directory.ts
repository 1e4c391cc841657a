import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { useMe } from '@/api/session';
import type { AuditEntry } from '@/api/types';
import { t } from '@/i18n';

/** What an id stands for, as far as the lists know that this page may read. */
export interface Directory {
  name: (id: string) => string | undefined;
  /** The page about it, where there is one. */
  path: (id: string) => string | undefined;
}

const LIMIT = { query: { limit: 200 } };

/** Names of whatever the entries of an audit log mention. Only lists of kinds that occur are read. */
export function useDirectory(entries: readonly AuditEntry[]): Directory {
  const { id, paths, can } = useActing();
  const me = useMe();
  const home = me.home_tenant.id;
  const mentioned = useMemo(() => JSON.stringify(entries), [entries]);
  const has = (prefix: string) => mentioned.includes(`"${prefix}_`);

  const members = useQuery(getQuery(id, '/api/v1/tenants/{tenant_id}/members', { path: { tenant_id: id } }));
  const above = useQuery({ ...getQuery(home, '/api/v1/tenants/{tenant_id}/members', { path: { tenant_id: home } }), enabled: home !== id });
  const tokens = useQuery({ ...getQuery(id, '/api/v1/api-tokens', LIMIT), enabled: has('tok') });
  const sites = useQuery({ ...getQuery(id, '/api/v1/sites', LIMIT), enabled: has('site') });
  const zones = useQuery({ ...getQuery(id, '/api/v1/zones', LIMIT), enabled: has('zone') });
  const tenants = useQuery({ ...getQuery(id, '/api/v1/tenants', LIMIT), enabled: has('tnt') && can('customers:read') });
  const plans = useQuery({ ...getQuery(id, '/api/v1/plans', LIMIT), enabled: has('plan') && can('customers:read') });
  const nodes = useQuery({ ...getQuery(id, '/api/v1/nodes'), enabled: has('node') && can('nodes:read') });

  return useMemo(() => {
    const found = new Map<string, { name: string; path?: string }>();
    // What an entry says about its subject holds for the other entries about it, and outlives the thing itself.
    for (const { subject, before, after } of entries) {
      const said = { ...facts(before), ...facts(after) };
      if (typeof said['number'] === 'number') found.set(subject, { name: t('ui.story.release', { number: said['number'] }) });
      else if (typeof said['filename'] === 'string') found.set(subject, { name: said['filename'] });
      else if (typeof said['apex'] === 'string') found.set(subject, { name: said['apex'] });
    }
    for (const { user_id, name } of [...(above.data?.items ?? []), ...(members.data?.items ?? [])]) found.set(user_id, { name });
    found.set(me.user.id, { name: me.user.name });
    for (const { tenant } of me.memberships) found.set(tenant.id, { name: tenant.name });
    for (const token of tokens.data?.items ?? []) found.set(token.id, { name: token.name, path: paths.tokens });
    for (const site of sites.data?.items ?? []) found.set(site.id, { name: site.name, path: paths.site(site.id) });
    for (const zone of zones.data?.items ?? []) found.set(zone.id, { name: zone.apex, path: paths.zone(zone.id) });
    for (const tenant of tenants.data?.items ?? []) found.set(tenant.id, { name: tenant.name, path: paths.customer(tenant.id) });
    for (const plan of plans.data?.items ?? []) found.set(plan.id, { name: plan.name, path: paths.plan(plan.id) });
    for (const node of nodes.data?.items ?? []) found.set(node.id, { name: node.name, path: paths.nodes });
    return { name: (thing) => found.get(thing)?.name, path: (thing) => found.get(thing)?.path };
  }, [entries, me, paths, above.data, members.data, tokens.data, sites.data, zones.data, tenants.data, plans.data, nodes.data]);
}

/** The `before` or `after` of an entry as an object; anything else says nothing. */
export function facts(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** `rec_01m83bj333ekxrwjxjecrqe5kf` → `rec_…rqe5kf`: ids that follow each other differ at their end. */
export function shortId(id: string): string {
  const [prefix, suffix = ''] = id.split('_');
  return suffix.length > 12 ? `${prefix}_…${suffix.slice(-6)}` : id;
}
