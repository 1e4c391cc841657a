import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('sites');

export const siteRoutes = (tenant: AnyRoute) => [
  page(tenant, 'sites', () => import('./pages/SitesPage'), 'SitesPage'),
  page(tenant, 'sites/new', () => import('./pages/NewSitePage'), 'NewSitePage'),
  page(tenant, 'sites/$site', () => import('./pages/SitePage'), 'SitePage'),
  page(tenant, 'sites/$site/domains', () => import('./pages/SiteDomainsPage'), 'SiteDomainsPage'),
  page(tenant, 'sites/$site/traffic', () => import('./pages/SiteTrafficPage'), 'SiteTrafficPage'),
  page(tenant, 'sites/$site/delivery', () => import('./pages/SiteDeliveryPage'), 'SiteDeliveryPage'),
  page(tenant, 'sites/$site/settings', () => import('./pages/SiteSettingsPage'), 'SiteSettingsPage'),
];
