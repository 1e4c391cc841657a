import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('dns');

export const dnsRoutes = (tenant: AnyRoute) => [
  page(tenant, 'zones', () => import('./pages/ZonesPage'), 'ZonesPage'),
  page(tenant, 'zones/new', () => import('./pages/NewZonePage'), 'NewZonePage'),
  page(tenant, 'zones/$zone', () => import('./pages/ZonePage'), 'ZonePage'),
];
