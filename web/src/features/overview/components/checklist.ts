import type { Kind } from '@/api/access';
import type { Key } from '@/i18n';
import type { TenantPaths } from '@/ui/paths';

export interface Facts {
  kind: Kind;
  plans: number;
  customers: number;
  sites: { id: string; active_release_id?: string | null; status: { ready: boolean } }[];
  /** What the customers of a provider have: their sites are for those to list who say why they look. */
  theirs?: { sites: number; bytes: number };
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
export function checklist({ kind, plans, customers, sites, theirs, sitePaths }: Facts, paths: TenantPaths): Step[] {
  const first = sites[0];
  const site = first ? sitePaths.site(first.id) : theirs?.sites ? sitePaths.sites : sitePaths.newSite;
  const published = theirs ? theirs.bytes > 0 : sites.some((one) => one.active_release_id);
  const steps: Step[] = [
    { key: 'overview.step.site', text: 'overview.step.siteText', action: 'overview.step.siteAction', done: (theirs?.sites ?? sites.length) > 0, to: sitePaths.newSite },
    { key: 'overview.step.upload', text: 'overview.step.uploadText', action: 'overview.step.uploadAction', done: published, to: site },
  ];
  // Whether a customer's site is live is seen by whoever acts for him.
  if (!theirs) {
    const live = sites.some((one) => one.active_release_id && one.status.ready);
    steps.push({ key: 'overview.step.live', text: 'overview.step.liveText', action: 'overview.step.liveAction', done: live, to: site });
  }
  if (kind === 'customer') return steps;
  return [
    { key: 'overview.step.plan', text: 'overview.step.planText', action: 'overview.step.planAction', done: plans > 0, to: paths.newPlan },
    { key: 'overview.step.customer', text: 'overview.step.customerText', action: 'overview.step.customerAction', done: customers > 0, to: paths.newCustomer },
    ...steps,
  ];
}
