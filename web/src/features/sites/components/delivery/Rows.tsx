import { ActionIcon, Button, Group, Stack } from '@mantine/core';
import { ArrowUp, Plus, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { t } from '@/i18n';
import classes from './delivery.module.css';

/** What every part of the form is given. */
export interface PartProps<T> {
  value: T;
  set: (value: T) => void;
  disabled: boolean;
  /** What the server says of a place of the document, such as `/redirects/1`. */
  error: (pointer: string) => string | undefined;
}

interface Props<T> {
  rows: T[];
  set: (rows: T[]) => void;
  fresh: () => T;
  add: string;
  /** Names a row for whoever does not see it. */
  name: (index: number) => string;
  disabled: boolean;
  /** The order decides. */
  ordered?: boolean;
  error: (index: number) => string | undefined;
  children: (row: T, change: (part: Partial<T>) => void, index: number) => ReactNode;
}

/** A list whose rows are edited in place. */
export function Rows<T extends object>({ rows, set, fresh, add, name, disabled, ordered, error, children }: Props<T>) {
  const swap = (index: number) => set(rows.map((row, at) => (at === index - 1 ? (rows[index] ?? row) : at === index ? (rows[index - 1] ?? row) : row)));
  return (
    <Stack gap="sm">
      {rows.map((row, index) => (
        <div key={index} role="group" aria-label={name(index)} className={classes.row}>
          <div className={classes.fields}>{children(row, (part) => set(rows.map((other, at) => (at === index ? { ...other, ...part } : other))), index)}</div>
          {!disabled && (
            <Group gap={4} wrap="nowrap" className={classes.tools}>
              {ordered && index > 0 && (
                <ActionIcon variant="subtle" color="gray" aria-label={t('sites.delivery.up', { what: name(index) })} onClick={() => swap(index)}>
                  <ArrowUp size={16} />
                </ActionIcon>
              )}
              <ActionIcon variant="subtle" color="gray" aria-label={t('sites.delivery.remove', { what: name(index) })} onClick={() => set(rows.filter((_, at) => at !== index))}>
                <Trash2 size={16} />
              </ActionIcon>
            </Group>
          )}
          {error(index) && (
            <p role="alert" className={classes.error}>
              {error(index)}
            </p>
          )}
        </div>
      ))}
      {!disabled && (
        <div>
          <Button variant="default" size="compact-sm" leftSection={<Plus size={14} />} onClick={() => set([...rows, fresh()])}>
            {add}
          </Button>
        </div>
      )}
    </Stack>
  );
}
