import type { Kind } from '@/api/access';
import type { Key } from '@/i18n';
import type { TenantPaths } from '@/ui/paths';

export interface Facts {
  kind: Kind;
  plans: number;
  customers: number;
  sites: { id: string; active_release_id?: string | null; status: { ready: boolean } }[];
  /** Where the site belongs: the own tenant, or for a provider its first customer. */
  sitePaths: TenantPaths;
}

export interface Step {
  key: Key;
  text: Key;
  action: Key;
  done: boolean;
  to: string;
}

/** From nothing to a live site, as the person in front of the screen can do it. */
export function checklist({ kind, plans, customers, sites, sitePaths }: Facts, paths: TenantPaths): Step[] {
  const first = sites[0];
  const site = first ? sitePaths.site(first.id) : sitePaths.newSite;
  const own: Step[] = [
    { key: 'overview.step.site', text: 'overview.step.siteText', action: 'overview.step.siteAction', done: sites.length > 0, to: sitePaths.newSite },
    { key: 'overview.step.upload', text: 'overview.step.uploadText', action: 'overview.step.uploadAction', done: sites.some((one) => one.active_release_id), to: site },
    { key: 'overview.step.live', text: 'overview.step.liveText', action: 'overview.step.liveAction', done: sites.some((one) => one.active_release_id && one.status.ready), to: site },
  ];
  if (kind === 'customer') return own;
  return [
    { key: 'overview.step.plan', text: 'overview.step.planText', action: 'overview.step.planAction', done: plans > 0, to: paths.newPlan },
    { key: 'overview.step.customer', text: 'overview.step.customerText', action: 'overview.step.customerAction', done: customers > 0, to: paths.newCustomer },
    ...own,
  ];
}
