import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { meQuery, setupQuery } from './api/session';
import { certificateRoutes } from './features/certificates/routes';
import { dnsRoutes } from './features/dns/routes';
import { fleetRoutes } from './features/fleet/routes';
import { identityPublicRoutes, identityRoutes } from './features/identity/routes';
import { overviewRoutes } from './features/overview/routes';
import { siteRoutes } from './features/sites/routes';
import { spineRoutes } from './features/spine/routes';
import { tenancyRoutes } from './features/tenancy/routes';
import { NothingThere, PageError, PageNotFound } from './shell/ErrorPages';
import { Loading } from './ui/feedback';
import { tenantPaths } from './ui/paths';

interface Context {
  queryClient: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ notFoundComponent: NothingThere, errorComponent: PageError });

const index = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: async ({ context }) => {
    const me = await context.queryClient.ensureQueryData(meQuery);
    if (me) throw redirect({ to: tenantPaths(me.home_tenant.id).overview, replace: true });
    const setup = await context.queryClient.fetchQuery(setupQuery);
    throw redirect({ to: setup.claimed ? '/login' : '/claim', replace: true });
  },
});

/** Everything below acts for the tenant in the address. */
const tenant = createRoute({
  getParentRoute: () => root,
  path: '/t/$tenant',
  beforeLoad: async ({ context, location }) => {
    const me = await context.queryClient.ensureQueryData(meQuery);
    if (!me) throw redirect({ to: '/login', search: { next: location.href } as never, replace: true });
    if (me.totp_setup_required) throw redirect({ to: '/secure', replace: true });
  },
  component: lazyRouteComponent(() => import('./shell/Shell'), 'Shell'),
  notFoundComponent: PageNotFound,
});

const tree = root.addChildren([
  index,
  ...identityPublicRoutes(root),
  tenant.addChildren([
    ...overviewRoutes(tenant),
    ...siteRoutes(tenant),
    ...dnsRoutes(tenant),
    ...certificateRoutes(tenant),
    ...tenancyRoutes(tenant),
    ...fleetRoutes(tenant),
    ...spineRoutes(tenant),
    ...identityRoutes(tenant),
  ]),
]);

export function createAppRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultPendingComponent: Loading,
    defaultErrorComponent: PageError,
    defaultNotFoundComponent: PageNotFound,
    scrollRestoration: true,
  });
}
