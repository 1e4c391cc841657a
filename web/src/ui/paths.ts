import type { Kind } from '@/api/access';

const segment = encodeURIComponent;

/** Every address inside the panel for one acting tenant. Components never write paths by hand. */
export function tenantPaths(tenant: string) {
  const root = `/t/${segment(tenant)}`;
  return {
    overview: root,
    sites: `${root}/sites`,
    newSite: `${root}/sites/new`,
    site: (id: string) => `${root}/sites/${segment(id)}`,
    siteDomains: (id: string) => `${root}/sites/${segment(id)}/domains`,
    siteTraffic: (id: string) => `${root}/sites/${segment(id)}/traffic`,
    siteDelivery: (id: string) => `${root}/sites/${segment(id)}/delivery`,
    siteSettings: (id: string) => `${root}/sites/${segment(id)}/settings`,
    zones: `${root}/zones`,
    newZone: `${root}/zones/new`,
    zone: (id: string) => `${root}/zones/${segment(id)}`,
    certificates: `${root}/certificates`,
    customers: `${root}/customers`,
    newCustomer: `${root}/customers/new`,
    customer: (id: string) => `${root}/customers/${segment(id)}`,
    plans: `${root}/plans`,
    newPlan: `${root}/plans/new`,
    plan: (id: string) => `${root}/plans/${segment(id)}`,
    nodes: `${root}/nodes`,
    audit: `${root}/audit`,
    background: `${root}/background`,
    members: `${root}/members`,
    roles: `${root}/roles`,
    newRole: `${root}/roles/new`,
    role: (id: string) => `${root}/roles/${segment(id)}`,
    exports: `${root}/exports`,
    support: `${root}/support`,
    tokens: `${root}/tokens`,
    newToken: `${root}/tokens/new`,
    serviceAccounts: `${root}/service-accounts`,
    newServiceAccount: `${root}/service-accounts/new`,
    serviceAccount: (id: string) => `${root}/service-accounts/${segment(id)}`,
    newServiceToken: (id: string) => `${root}/service-accounts/${segment(id)}/tokens/new`,
    sessions: `${root}/sessions`,
    signIns: `${root}/sign-ins`,
    profile: `${root}/profile`,
  };
}

export type TenantPaths = ReturnType<typeof tenantPaths>;

/** Where one sees what uses an entitlement up. */
export function usagePath(paths: TenantPaths, key: string): string | undefined {
  return key === 'sites' || key === 'domains' || key === 'disk_bytes' || key === 'traffic_bytes_month' ? paths.sites : undefined;
}

/** The same page for another tenant; a page about one resource becomes its list, because ids do not carry over. */
export function switchTenantPath(pathname: string, tenant: string, kind: Kind): string {
  const [, , , section] = pathname.split('/');
  const root = `/t/${segment(tenant)}`;
  return section && (ONLY[section]?.includes(kind) ?? true) ? `${root}/${section}` : root;
}

/** What not every kind of tenant has a page for. */
const ONLY: Record<string, readonly Kind[]> = { customers: ['platform', 'reseller'], plans: ['platform', 'reseller'], nodes: ['platform'], support: ['reseller', 'customer'] };

/** Only addresses inside the panel are followed after a login: a link must not send the user elsewhere. */
export function safeNext(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/';
}
