import { PasswordInput, Progress, Text } from '@mantine/core';
import type { UseFormRegisterReturn } from 'react-hook-form';
import { t, type Key } from '@/i18n';
import { strength } from './strength';

const WORDS: readonly Key[] = ['identity.strength.short', 'identity.strength.weak', 'identity.strength.fair', 'identity.strength.good'];
const COLORS = ['gray', 'red', 'yellow', 'green'];

interface Props {
  field: UseFormRegisterReturn;
  value: string;
  personal: string[];
  minimum: number;
  label?: string;
  error?: string;
}

export function NewPassword({ field, value, personal, minimum, label, error }: Props) {
  const level = strength(value, personal, minimum);
  const word = WORDS[level] ?? 'identity.strength.short';
  return (
    <div>
      <PasswordInput label={label ?? t('identity.field.newPassword')} autoComplete="new-password" error={error} {...field} />
      <Progress value={value === '' ? 0 : 15 + level * 28} color={COLORS[level]} size={4} mt={8} aria-hidden />
      <Text size="sm" c="dimmed" mt={4} aria-live="polite">
        {t(word, { count: minimum })}
      </Text>
    </div>
  );
}
