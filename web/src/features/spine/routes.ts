import type { AnyRoute } from '@tanstack/react-router';
import { page } from '@/ui/route';

export const spineRoutes = (tenant: AnyRoute) => [
  page(tenant, 'audit', () => import('./pages/AuditPage'), 'AuditPage'),
  page(tenant, 'background', () => import('./pages/BackgroundPage'), 'BackgroundPage'),
];
