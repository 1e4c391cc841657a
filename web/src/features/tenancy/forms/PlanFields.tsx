import { Stack } from '@mantine/core';
import { ENTITLEMENT_KEYS } from '@/ui/format';
import { EntitlementInput } from '../components/EntitlementInput';
import type { Entitlements } from '../queries';

interface Props {
  value: Entitlements;
  onChange: (value: Entitlements) => void;
  error: (key: string) => string | undefined;
}

/** All limits of a plan. Keys the panel does not know, from a newer server, are kept as they are. */
export function PlanFields({ value, onChange, error }: Props) {
  const keys = [...ENTITLEMENT_KEYS, ...Object.keys(value).filter((key) => !ENTITLEMENT_KEYS.includes(key))];
  return (
    <Stack gap="sm">
      {keys.map((key) => (
        <EntitlementInput key={key} name={key} value={value[key] ?? null} onChange={(limit) => onChange({ ...value, [key]: limit })} error={error(key)} />
      ))}
    </Stack>
  );
}
