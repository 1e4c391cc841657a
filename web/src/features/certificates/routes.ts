import type { AnyRoute } from '@tanstack/react-router';
import { page } from '@/ui/route';

export const certificateRoutes = (tenant: AnyRoute) => [
  page(tenant, 'certificates', () => import('./pages/CertificatesPage'), 'CertificatesPage'),
];
