import { useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { GetParams } from '@/api/query';
import { useSearchParams } from '@/ui/route';

/** What narrows the log, as it stands in the address: a link shows what its sender saw. */
export const FILTERS = ['actor', 'action', 'subject', 'kind', 'since', 'until', 'outcome', 'text', 'request', 'scope'] as const;
export type Filter = (typeof FILTERS)[number];
export type Filters = Partial<Record<Filter, string>>;

type Query = NonNullable<GetParams<'/api/v1/audit'>['query']>;

/** The filters in the address, and how to change some of them. */
export function useFilters(): [Filters, (changed: Filters) => void] {
  const search = useSearchParams();
  const navigate = useNavigate();
  return useMemo(() => {
    const filters: Filters = Object.fromEntries(FILTERS.flatMap((name) => (search[name] ? [[name, search[name]]] : [])));
    const change = (changed: Filters) => {
      const next = Object.fromEntries(Object.entries({ ...filters, ...changed }).filter(([, value]) => value));
      void navigate({ to: '.', search: next as never, replace: true });
    };
    return [filters, change];
  }, [search, navigate]);
}

/** The first moment of a day, or of the one after it, where the reader is. */
function midnight(day: string, after = 0): string | undefined {
  const [year, month, date] = day.split('-').map(Number);
  if (!year || !month || !date) return undefined;
  return new Date(year, month - 1, date + after).toISOString();
}

/** The same as the API takes them. Days are whole: the last one counts too. */
export function queryOf({ since, until, outcome, scope, ...rest }: Filters): Query {
  const plain = Object.entries(rest).map(([name, value]) => [`filter[${name}]`, value]);
  const query: Record<string, string | undefined> = {
    ...Object.fromEntries(plain),
    'filter[since]': since && midnight(since),
    'filter[until]': until && midnight(until, 1),
    'filter[outcome]': outcome === 'refused' || outcome === 'done' ? outcome : undefined,
    scope: scope === 'subtree' ? scope : undefined,
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value)) as Query;
}

/** Where the browser gets the same lines as a file. */
export function exportUrl(tenant: string, filters: Filters, format: 'csv' | 'ndjson'): string {
  const query = new URLSearchParams({ tenant, format, ...(queryOf(filters) as Record<string, string>) });
  return `/api/v1/audit/export?${query}`;
}

/** The same on the command line. */
export function cliOf(filters: Filters): string[] {
  const { outcome, scope, ...rest } = filters;
  const options = Object.entries(rest).flatMap(([name, value]) => [`--${name}`, value]);
  return ['audit', 'list', ...options, ...(outcome === 'refused' ? ['--refused'] : []), ...(scope ? ['--below'] : [])];
}
