import { queryOptions, useInfiniteQuery, useMutation, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, unwrap } from './client';
import type { paths } from './schema';

/** The paths of the specification that can be read. */
export type GetPath = { [P in keyof paths]: paths[P] extends { get: object } ? P : never }[keyof paths];
type Json<R> = R extends { 200: { content: { 'application/json': infer T } } } ? T : never;
export type GetData<P extends GetPath> = paths[P] extends { get: { responses: infer R } } ? Json<R> : never;
type Part<O, K extends string> = O extends { parameters: infer X } ? (K extends keyof X ? X[K] : undefined) : undefined;
export interface GetParams<P extends GetPath> {
  path?: paths[P] extends { get: infer O } ? Part<O, 'path'> : undefined;
  query?: paths[P] extends { get: infer O } ? Part<O, 'query'> : undefined;
}

/** Every cached answer is keyed by acting tenant, specification path and parameters: that is what events invalidate by. */
export type ApiKey = readonly [tenant: string, path: string, params: object | null, ...rest: string[]];

function read<P extends GetPath>(tenant: string | undefined, path: P, params: object | undefined, signal: AbortSignal) {
  const get = api(tenant).GET as unknown as (
    path: string,
    init: object,
  ) => Promise<{ data?: GetData<P>; error?: unknown; response: Response }>;
  return unwrap(get(path, { params: params ?? {}, signal }));
}

/** One resource or a first page. Shared by every feature that reads the same path, so they share its cache entry. */
export function getQuery<P extends GetPath>(tenant: string | undefined, path: P, params?: GetParams<P>) {
  return queryOptions({
    queryKey: [tenant ?? '', path, params ?? null] as ApiKey,
    queryFn: ({ signal }) => read(tenant, path, params, signal),
  });
}

interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}
type Item<D> = D extends { items: (infer T)[] } ? T : never;

/** The lists that come in pages; the others take no `limit` and would refuse one. */
export type PagedPath = { [P in GetPath]: paths[P] extends { get: { parameters: { query?: infer Q } } } ? ([NonNullable<Q>] extends [never] ? never : 'limit' extends keyof NonNullable<Q> ? P : never) : never }[GetPath];

/** A list that comes as a whole. */
export function useWhole<P extends Exclude<GetPath, PagedPath>>(tenant: string | undefined, path: P, params?: GetParams<P>) {
  const query = useQuery(getQuery(tenant, path, params));
  return {
    items: (query.data as Page<Item<GetData<P>>> | undefined)?.items,
    error: query.error,
    retry: () => void query.refetch(),
  };
}

/** A list, read page by page. */
export function usePages<P extends PagedPath>(tenant: string, path: P, params?: GetParams<P>, enabled = true) {
  const query = useInfiniteQuery({
    queryKey: [tenant, path, params ?? null, 'pages'] as ApiKey,
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => {
      const search = { limit: 50, ...(params?.query as object | undefined), ...(pageParam ? { cursor: pageParam } : {}) };
      return (await read(tenant, path, { ...params, query: search }, signal)) as unknown as Page<Item<GetData<P>>>;
    },
    getNextPageParam: (last) => last.next_cursor ?? null,
    enabled,
  });
  const items = useMemo(() => query.data?.pages.flatMap((page) => page.items), [query.data]);
  return {
    items,
    error: query.error,
    pending: query.isPending,
    hasMore: query.hasNextPage,
    loadingMore: query.isFetchingNextPage,
    loadMore: () => void query.fetchNextPage(),
    retry: () => void query.refetch(),
  };
}

/** Marks everything read below one of the path prefixes as stale, for every acting tenant. */
export function invalidatePaths(client: QueryClient, prefixes: readonly string[]): Promise<void> {
  return client.invalidateQueries({
    predicate: ({ queryKey }) => {
      const path = queryKey[1];
      return typeof path === 'string' && prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
    },
  });
}

/** A write that makes what lies below `invalidates` stale when it succeeds. */
export function useWrite<V, T>(write: (variables: V) => Promise<T>, invalidates: readonly string[]) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: write,
    onSuccess: () => invalidatePaths(client, invalidates),
  });
}
