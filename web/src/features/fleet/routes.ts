import type { AnyRoute } from '@tanstack/react-router';
import { page } from '@/ui/route';

export const fleetRoutes = (tenant: AnyRoute) => [page(tenant, 'nodes', () => import('./pages/NodesPage'), 'NodesPage')];
