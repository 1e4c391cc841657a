import type { AnyRoute } from '@tanstack/react-router';
import { page } from '@/ui/route';

export const overviewRoutes = (tenant: AnyRoute) => [page(tenant, '/', () => import('./pages/OverviewPage'), 'OverviewPage')];
