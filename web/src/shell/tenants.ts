import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { getQuery } from '@/api/query';
import { useMe } from '@/api/session';
import type { Schemas, TenantRef } from '@/api/types';

/** Tenants the user can act for: the own ones, then those below the home tenant whose name matches the search. */
export function useTenantSearch(search: string, enabled: boolean): TenantRef[] {
  const me = useMe();
  const { data } = useQuery({
    ...getQuery(me.home_tenant.id, '/api/v1/tenants', { query: { limit: 200 } }),
    enabled: enabled && me.home_tenant.kind !== 'customer',
  });
  const wanted = search.trim().toLowerCase();
  const own = me.memberships.map(({ tenant }) => tenant).filter(({ name }) => name.toLowerCase().includes(wanted));
  const ids = new Set(own.map(({ id }) => id));
  const below = (data?.items ?? []).filter(({ id, name, slug }) => !ids.has(id) && `${name} ${slug}`.toLowerCase().includes(wanted));
  return [...own, ...below];
}

/** What a search for part of a domain or site finds below the acting tenant; empty for those who may not see it. */
export function useSubtreeSearch(tenant: string, search: string, enabled: boolean): Schemas['tenancy.Found'][] {
  const [wanted] = useDebouncedValue(search.trim(), 200);
  const { data } = useQuery({ ...getQuery(tenant, '/api/v1/subtree', { query: { q: wanted, limit: 10 } }), enabled: enabled && wanted.length > 2 });
  return wanted.length > 2 ? (data?.items ?? []) : [];
}
