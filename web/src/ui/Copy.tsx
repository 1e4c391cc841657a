import { ActionIcon, CopyButton } from '@mantine/core';
import { Check, Copy } from 'lucide-react';
import { t } from '@/i18n';
import classes from './Copy.module.css';

export function CopyIcon({ value, label, autoFocus }: { value: string; label?: string; autoFocus?: boolean }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <ActionIcon variant="subtle" color="gray" size="sm" autoFocus={autoFocus} onClick={copy} title={copied ? t('ui.copied') : (label ?? t('ui.action.copy'))} aria-label={copied ? t('ui.copied') : (label ?? t('ui.action.copy'))}>
          {copied ? <Check size={14} color="var(--mp-ok)" /> : <Copy size={14} />}
        </ActionIcon>
      )}
    </CopyButton>
  );
}

/** A value to take away: a secret, a link, a command. `autoFocus` where it takes the place of the form that made it. */
export function CopyField({ value, label, multiline, autoFocus }: { value: string; label: string; multiline?: boolean; autoFocus?: boolean }) {
  return (
    <div className={classes.field} role="group" aria-label={label}>
      <pre className={multiline ? classes.multi : classes.value} tabIndex={0}>
        {value}
      </pre>
      <CopyIcon value={value} label={t('ui.action.copyWhat', { what: label })} autoFocus={autoFocus} />
    </div>
  );
}
