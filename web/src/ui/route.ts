import { createRoute, lazyRouteComponent, useParams, useSearch, type AnyRoute } from '@tanstack/react-router';

type Loader = () => Promise<Record<string, unknown>>;

/** A page of a feature, loaded when it is first visited. `path` is relative to the parent. */
export function page(parent: AnyRoute, path: string, load: Loader, component: string): AnyRoute {
  return createRoute({
    getParentRoute: () => parent,
    path,
    component: lazyRouteComponent(load as never, component as never),
  }) as unknown as AnyRoute;
}

/** A parameter of the address; the routes of the feature guarantee that it is there. */
export function useParam(name: string): string {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  return params[name] ?? '';
}

export function useQueryParam(name: string): string | undefined {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const value = search[name];
  return value === undefined || value === null ? undefined : String(value);
}

/** All of them, as text. */
export function useSearchParams(): Record<string, string> {
  const search: Record<string, unknown> = useSearch({ strict: false });
  return Object.fromEntries(Object.entries(search).flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, String(value)]])));
}
