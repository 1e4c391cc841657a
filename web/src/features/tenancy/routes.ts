import type { AnyRoute } from '@tanstack/react-router';
import { pagesOf } from '@/ui/route';

const page = pagesOf('tenancy');

export const tenancyRoutes = (tenant: AnyRoute) => [
  page(tenant, 'customers', () => import('./pages/CustomersPage'), 'CustomersPage'),
  page(tenant, 'customers/new', () => import('./pages/NewCustomerPage'), 'NewCustomerPage'),
  page(tenant, 'customers/$customer', () => import('./pages/CustomerPage'), 'CustomerPage'),
  page(tenant, 'plans', () => import('./pages/PlansPage'), 'PlansPage'),
  page(tenant, 'plans/new', () => import('./pages/NewPlanPage'), 'NewPlanPage'),
  page(tenant, 'plans/$plan', () => import('./pages/PlanPage'), 'PlanPage'),
  page(tenant, 'roles', () => import('./pages/RolesPage'), 'RolesPage'),
  page(tenant, 'roles/new', () => import('./pages/RolePage'), 'NewRolePage'),
  page(tenant, 'roles/$role', () => import('./pages/RolePage'), 'RolePage'),
  page(tenant, 'support', () => import('./pages/SupportPage'), 'SupportPage'),
  page(tenant, 'exports', () => import('./pages/ExportsPage'), 'ExportsPage'),
  page(tenant, 'members', () => import('./pages/MembersPage'), 'MembersPage'),
];
