import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('spine');

export const spineRoutes = (tenant: AnyRoute) => [
  page(tenant, 'audit', () => import('./pages/AuditPage'), 'AuditPage'),
  page(tenant, 'background', () => import('./pages/BackgroundPage'), 'BackgroundPage'),
];
