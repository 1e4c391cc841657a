import { Group, NumberInput, Select, Switch } from '@mantine/core';
import { useState } from 'react';
import { t } from '@/i18n';
import { entitlement } from '@/ui/format';
import { UNITS, joinUnit, splitUnit, type Unit } from './units';
import classes from './tenancy.module.css';

interface Props {
  name: string;
  value: number | null;
  onChange: (value: number | null) => void;
  error?: string;
}

/** A limit: a number, with a unit where it is bytes, or no limit. */
export function EntitlementInput({ name, value, onChange, error }: Props) {
  const { label, kind } = entitlement(name);
  const [unit, setUnit] = useState<Unit>(() => splitUnit(value ?? 0).unit);
  // Kept while "unlimited" is on, so that switching it off brings the number back.
  const [number, setNumber] = useState<number | string>(() => (kind === 'bytes' ? splitUnit(value ?? 0).number : (value ?? 0)));
  const send = (nextNumber: number | string, nextUnit: Unit) => {
    const amount = Number(nextNumber);
    onChange(kind === 'bytes' ? joinUnit(amount, nextUnit) : amount);
  };
  const unlimited = value === null;
  return (
    <div className={classes.row}>
      <Group gap={6} wrap="nowrap" align="flex-end" className={classes.amount}>
        <NumberInput
          label={label}
          min={0}
          allowNegative={false}
          decimalScale={kind === 'bytes' ? 2 : 0}
          thousandSeparator=" "
          disabled={unlimited}
          value={unlimited ? '' : number}
          placeholder={unlimited ? t('ui.unlimited') : undefined}
          onChange={(next) => {
            setNumber(next);
            send(next, unit);
          }}
          error={error}
          style={{ flex: 1 }}
        />
        {kind === 'bytes' && (
          <Select
            aria-label={t('tenancy.plan.unitOf', { what: label })}
            data={[...UNITS]}
            value={unit}
            allowDeselect={false}
            disabled={unlimited}
            w={78}
            onChange={(next) => {
              const chosen = (next ?? 'GB') as Unit;
              setUnit(chosen);
              send(number, chosen);
            }}
          />
        )}
      </Group>
      <Switch
        label={t('ui.unlimited')}
        aria-label={t('tenancy.plan.unlimitedOf', { what: label })}
        checked={unlimited}
        onChange={(event) => (event.currentTarget.checked ? onChange(null) : send(number, unit))}
        mb={8}
      />
    </div>
  );
}
