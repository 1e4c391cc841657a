import { createRoute, lazyRouteComponent, useParams, useSearch, type AnyRoute } from '@tanstack/react-router';
import { loadTexts, type Area } from '@/i18n';

type Loader = () => Promise<Record<string, unknown>>;

/** Makes pages of a feature, which are loaded with its texts when they are first visited. `path` is relative to the parent. */
export function pagesOf(area: Area) {
  return (parent: AnyRoute, path: string, load: Loader, component: string): AnyRoute => {
    const both = async () => (await Promise.all([load(), loadTexts(area)]))[0];
    return createRoute({
      getParentRoute: () => parent,
      path,
      component: lazyRouteComponent(both as never, component as never),
    }) as unknown as AnyRoute;
  };
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
