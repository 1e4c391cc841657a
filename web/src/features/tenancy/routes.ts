import type { AnyRoute } from '@tanstack/react-router';
import { page } from '@/ui/route';

export const tenancyRoutes = (tenant: AnyRoute) => [
  page(tenant, 'customers', () => import('./pages/CustomersPage'), 'CustomersPage'),
  page(tenant, 'customers/new', () => import('./pages/NewCustomerPage'), 'NewCustomerPage'),
  page(tenant, 'customers/$customer', () => import('./pages/CustomerPage'), 'CustomerPage'),
  page(tenant, 'plans', () => import('./pages/PlansPage'), 'PlansPage'),
  page(tenant, 'plans/new', () => import('./pages/NewPlanPage'), 'NewPlanPage'),
  page(tenant, 'plans/$plan', () => import('./pages/PlanPage'), 'PlanPage'),
  page(tenant, 'members', () => import('./pages/MembersPage'), 'MembersPage'),
];
