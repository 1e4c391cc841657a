import { Button, Group } from '@mantine/core';
import { zodResolver } from '@hookform/resolvers/zod';
import { useState, type ReactNode } from 'react';
import { useForm, type DefaultValues, type FieldValues, type Path, type Resolver, type UseFormReturn } from 'react-hook-form';
import { ApiError, mapErrors } from '@/api/problem';
import type { FieldError } from '@/api/types';
import { t, tOr } from '@/i18n';
import { Notice } from './Notice';
import { errorText } from './feedback';
import { sentence } from './format';

interface Options<T extends FieldValues> {
  schema: unknown;
  defaults: T;
  /** Sends the form; an {@link ApiError} it throws is shown at the fields it names. */
  submit: (values: T) => Promise<void>;
  /** Wire name → form name, where they differ. */
  rename?: Record<string, string>;
}

export interface ApiForm<T extends FieldValues> extends UseFormReturn<T> {
  /** What concerns no single field. */
  problem: string[];
  send: (event?: React.BaseSyntheticEvent) => Promise<void>;
  /** The text under a field, or undefined. */
  error: (name: Path<T>) => string | undefined;
}

/** A form that is checked here for what is obvious and by the API for everything else. */
export function useApiForm<T extends FieldValues>({ schema, defaults, submit, rename }: Options<T>): ApiForm<T> {
  const [problem, setProblem] = useState<string[]>([]);
  const form = useForm<T>({
    defaultValues: defaults as DefaultValues<T>,
    resolver: zodResolver(schema as never) as unknown as Resolver<T>,
    mode: 'onSubmit',
  });

  const send = form.handleSubmit(async (values) => {
    setProblem([]);
    try {
      await submit(values);
    } catch (error) {
      setProblem(showError(error, form, rename));
    }
  });

  return {
    ...form,
    problem,
    send,
    error: (name) => {
      const message = form.getFieldState(name, form.formState).error?.message;
      // Our own rules name a text; the server sends the text itself.
      return message === undefined ? undefined : tOr(message, message);
    },
  };
}

function showError<T extends FieldValues>(error: unknown, form: UseFormReturn<T>, rename?: Record<string, string>): string[] {
  if (!(error instanceof ApiError)) return [errorText(error)];
  // Only what is on the screen: an error of anything else must not hide in a field that nobody sees.
  const { fields, rest } = mapErrors(error, [...form.control._names.mount], rename);
  fields.forEach(({ field, below, error: item }, index) => {
    form.setError(field as Path<T>, { message: fieldText(item) }, { shouldFocus: index === 0 });
    if (below !== null) form.setError(below as Path<T>, { message: fieldText(item) });
  });
  if (rest.length > 0) return rest.map(fieldText);
  return fields.length > 0 ? [] : [errorText(error)];
}

export function fieldText(item: FieldError): string {
  return tOr(`problem.code.${item.code}`, sentence(item.message));
}

export function FormProblem({ messages }: { messages: string[] }) {
  if (messages.length === 0) return null;
  return (
    <Notice tone="bad">
      {messages.map((message) => (
        <div key={message}>{message}</div>
      ))}
    </Notice>
  );
}

interface ButtonsProps {
  label: string;
  busy: boolean;
  /** Of a dialogue, whose buttons stand where every dialogue has them. */
  cancel?: () => void;
  disabled?: boolean;
  children?: ReactNode;
}

export function FormButtons({ label, busy, cancel, disabled, children }: ButtonsProps) {
  return (
    <Group gap="xs" mt="xs" justify={cancel ? 'flex-end' : 'flex-start'}>
      {cancel && (
        <Button variant="default" onClick={cancel} disabled={busy}>
          {t('ui.action.cancel')}
        </Button>
      )}
      <Button type="submit" loading={busy} disabled={disabled}>
        {label}
      </Button>
      {children}
    </Group>
  );
}
