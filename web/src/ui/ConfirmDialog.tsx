import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { rich, t } from '@/i18n';
import { Dialog } from './Dialog';
import { ErrorNotice } from './feedback';

export interface ConfirmProps {
  opened: boolean;
  close: () => void;
  title: string;
  /** What dies with it, in plain words. */
  children: ReactNode;
  /** The name to type; without one a click is enough. */
  name?: string;
  action: string;
  run: () => Promise<unknown>;
}

export function ConfirmDialog({ opened, close, title, children, name, action, run }: ConfirmProps) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const leave = () => {
    setTyped('');
    setError(null);
    close();
  };
  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      await run();
      leave();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog opened={opened} onClose={leave} title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <Text size="md">{children}</Text>
          {name && (
            <TextInput
              data-autofocus
              label={rich('ui.confirm.type', { name: <strong className="mp-break">{name}</strong> })}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autoComplete="off"
              spellCheck={false}
            />
          )}
          {error !== null && <ErrorNotice error={error} />}
          <Group gap="xs" justify="flex-end">
            <Button variant="default" data-autofocus={name === undefined || undefined} onClick={leave} disabled={busy}>
              {t('ui.action.cancel')}
            </Button>
            <Button type="submit" color="red.8" loading={busy} disabled={name !== undefined && typed.trim() !== name}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
