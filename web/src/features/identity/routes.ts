import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('identity');

export const identityPublicRoutes = (root: AnyRoute) => [
  page(root, 'claim', () => import('./pages/ClaimPage'), 'ClaimPage'),
  page(root, 'activate', () => import('./pages/ActivatePage'), 'ActivatePage'),
  page(root, 'forgot', () => import('./pages/ForgotPage'), 'ForgotPage'),
  page(root, 'reset', () => import('./pages/ResetPage'), 'ResetPage'),
  page(root, 'confirm-email', () => import('./pages/ConfirmEmailPage'), 'ConfirmEmailPage'),
  page(root, 'login', () => import('./pages/LoginPage'), 'LoginPage'),
  page(root, 'secure', () => import('./pages/SecurePage'), 'SecurePage'),
];

export const identityRoutes = (tenant: AnyRoute) => [
  page(tenant, 'tokens', () => import('./pages/TokensPage'), 'TokensPage'),
  page(tenant, 'tokens/new', () => import('./pages/NewTokenPage'), 'NewTokenPage'),
  page(tenant, 'service-accounts', () => import('./pages/ServiceAccountsPage'), 'ServiceAccountsPage'),
  page(tenant, 'service-accounts/new', () => import('./pages/NewServiceAccountPage'), 'NewServiceAccountPage'),
  page(tenant, 'service-accounts/$serviceAccount', () => import('./pages/ServiceAccountPage'), 'ServiceAccountPage'),
  page(tenant, 'service-accounts/$serviceAccount/tokens/new', () => import('./pages/NewServiceTokenPage'), 'NewServiceTokenPage'),
  page(tenant, 'sign-ins', () => import('./pages/SignInsPage'), 'SignInsPage'),
  page(tenant, 'sessions', () => import('./pages/SessionsPage'), 'SessionsPage'),
  page(tenant, 'profile', () => import('./pages/ProfilePage'), 'ProfilePage'),
];
