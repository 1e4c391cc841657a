import { z } from '@/ui/rules';
import type { Entitlements } from '../queries';

export const entitlementRule = z.record(z.string(), z.nullable(z.int('ui.rule.number').check(z.gte(0, 'ui.rule.number'))));

/** `--limit key=value` for each, as the command line takes them. */
export function entitlementArgs(entitlements: Entitlements): string[] {
  return Object.entries(entitlements).flatMap(([key, limit]) => ['--limit', `${key}=${limit ?? 'unlimited'}`]);
}
