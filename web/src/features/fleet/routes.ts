import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('fleet');

export const fleetRoutes = (tenant: AnyRoute) => [page(tenant, 'nodes', () => import('./pages/NodesPage'), 'NodesPage')];
