import { Stack, Switch } from '@mantine/core';
import { Controller, type Control, type FieldValues, type Path } from 'react-hook-form';
import { t } from '@/i18n';
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
        <EntitlementInput key={key} name={key} value={key in value ? (value[key] ?? null) : 0} onChange={(limit) => onChange({ ...value, [key]: limit })} error={error(key)} />
      ))}
    </Stack>
  );
}

/** Only resellers have tenants of their own; for a customer's plan it means nothing. */
export function Oversell<T extends FieldValues>({ control }: { control: Control<T> }) {
  return (
    <Controller
      control={control}
      name={'oversell' as Path<T>}
      render={({ field }) => <Switch label={t('tenancy.plan.oversell')} description={t('tenancy.plan.oversellHint')} checked={field.value === true} onChange={(event) => field.onChange(event.currentTarget.checked)} onBlur={field.onBlur} />}
    />
  );
}
