import { createContext, useContext, useMemo, type ReactNode } from 'react';
import { tenantPaths, type TenantPaths } from '@/ui/paths';
import { can, type Acting, type Permission } from './access';
import { api, type Api } from './client';

export interface ActingTenant extends Acting {
  name: string;
}

interface Value {
  tenant: ActingTenant;
  /** The acting tenant's id, as queries want it. */
  id: string;
  api: Api;
  paths: TenantPaths;
  can: (permission: Permission) => boolean;
}

const Context = createContext<Value | null>(null);

export function ActingProvider({ tenant, children }: { tenant: ActingTenant; children: ReactNode }) {
  const { id, kind, role, name, held } = tenant;
  const value = useMemo<Value>(() => {
    const acting = { id, kind, role, name, ...(held ? { held } : {}) };
    return { tenant: acting, id, api: api(id), paths: tenantPaths(id), can: (permission) => can(acting, permission) };
  }, [id, kind, role, name, held]);
  return <Context value={value}>{children}</Context>;
}

/** For whom the page acts: the tenant in the address, its client and its paths. */
export function useActing(): Value {
  const value = useContext(Context);
  if (!value) throw new Error('useActing outside of a tenant');
  return value;
}
