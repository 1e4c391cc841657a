import type { AnyRoute } from '@tanstack/react-router';
import { page } from '@/ui/route';

export const identityPublicRoutes = (root: AnyRoute) => [
  page(root, 'claim', () => import('./pages/ClaimPage'), 'ClaimPage'),
  page(root, 'activate', () => import('./pages/ActivatePage'), 'ActivatePage'),
  page(root, 'login', () => import('./pages/LoginPage'), 'LoginPage'),
  page(root, 'secure', () => import('./pages/SecurePage'), 'SecurePage'),
];

export const identityRoutes = (tenant: AnyRoute) => [
  page(tenant, 'tokens', () => import('./pages/TokensPage'), 'TokensPage'),
  page(tenant, 'tokens/new', () => import('./pages/NewTokenPage'), 'NewTokenPage'),
  page(tenant, 'sessions', () => import('./pages/SessionsPage'), 'SessionsPage'),
  page(tenant, 'profile', () => import('./pages/ProfilePage'), 'ProfilePage'),
];
