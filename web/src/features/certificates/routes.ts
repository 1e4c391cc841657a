import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('certificates');

export const certificateRoutes = (tenant: AnyRoute) => [
  page(tenant, 'certificates', () => import('./pages/CertificatesPage'), 'CertificatesPage'),
];
