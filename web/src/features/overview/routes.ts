import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('overview');

export const overviewRoutes = (tenant: AnyRoute) => [page(tenant, '/', () => import('./pages/OverviewPage'), 'OverviewPage')];
