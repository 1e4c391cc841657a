import type { AnyRoute } from '@tanstack/react-router';
import { page } from '@/ui/route';

export const dnsRoutes = (tenant: AnyRoute) => [
  page(tenant, 'zones', () => import('./pages/ZonesPage'), 'ZonesPage'),
  page(tenant, 'zones/new', () => import('./pages/NewZonePage'), 'NewZonePage'),
  page(tenant, 'zones/$zone', () => import('./pages/ZonePage'), 'ZonePage'),
];
