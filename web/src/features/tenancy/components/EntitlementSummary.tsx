import { t } from '@/i18n';
import { entitlement, inOrder, quantity } from '@/ui/format';
import type { Entitlements } from '../queries';

/** A plan in one line: "10 sites · 20 domains · 5 GB disk space". */
export function EntitlementSummary({ entitlements }: { entitlements: Entitlements }) {
  const parts = inOrder(entitlements).map(([key, limit]) => {
    const { label, kind } = entitlement(key);
    return t('tenancy.plan.part', { amount: quantity(limit, kind), what: label.toLowerCase() });
  });
  return <span className="mp-num">{parts.join(' · ')}</span>;
}
