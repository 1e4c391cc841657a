import { Button, Collapse, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { SquareTerminal } from 'lucide-react';
import { t } from '@/i18n';
import { CopyField } from './Copy';

export interface ApiExample {
  method: string;
  path: string;
  body?: unknown;
  /** Arguments after `mpanel`, each one argument: they are quoted where a shell needs it. Left out where no command does it. */
  cli?: string[];
}

/** The same thing without the panel: what the screen shows or the form will send. */
export function ApiPanel({ tenant, example }: { tenant: string; example: ApiExample }) {
  const [open, { toggle }] = useDisclosure(false);
  return (
    <div>
      <Button variant="subtle" color="gray" size="compact-sm" fw={500} c="dimmed" leftSection={<SquareTerminal size={15} aria-hidden />} onClick={toggle} aria-expanded={open}>
        {t('ui.api.toggle')}
      </Button>
      <Collapse expanded={open}>
        <Stack gap="xs" mt="xs">
          {example.cli && <CopyField label={t('ui.api.cli')} value={cliCommand(tenant, example.cli)} multiline />}
          <CopyField label={t('ui.api.http')} value={curlCommand(location.origin, tenant, example)} multiline />
        </Stack>
      </Collapse>
    </div>
  );
}

export function shellQuote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

export function cliCommand(tenant: string, args: string[]): string {
  return ['mpanel', ...args, '--tenant', tenant].map(shellQuote).join(' ');
}

export function curlCommand(origin: string, tenant: string, { method, path, body }: ApiExample): string {
  const lines = [`curl ${method === 'GET' ? '' : `-X ${method} `}${shellQuote(origin + path)}`];
  lines.push(`-H "Authorization: Bearer $MPANEL_TOKEN"`, `-H 'Mpanel-Tenant: ${tenant}'`);
  if (body !== undefined) lines.push(`--json ${shellQuote(JSON.stringify(body))}`);
  return lines.join(' \\\n  ');
}
