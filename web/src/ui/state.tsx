import { Progress } from '@mantine/core';
import { CircleCheck, CircleDashed, CircleX } from 'lucide-react';
import type { CSSProperties, ReactNode } from 'react';
import type { Condition } from '@/api/types';
import { t } from '@/i18n';
import type en from '@/i18n/en';
import classes from './feedback.module.css';
import { TextLink } from './links';
import { quantity, relativeTime, absoluteTime, sentence } from './format';

export type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'idle';

/** Every state that has a name. */
export type State = keyof typeof en.ui.state;

const TONES: Partial<Record<State, Tone>> = {
  active: 'ok',
  ready: 'idle',
  succeeded: 'ok',
  valid: 'ok',
  connected: 'ok',
  live: 'ok',
  running: 'busy',
  pending: 'busy',
  unpacking: 'busy',
  undoing: 'warn',
  deleting: 'warn',
  suspended: 'warn',
  terminating: 'bad',
  invited: 'warn',
  degraded: 'warn',
  waiting: 'warn',
  open: 'ok',
  failed: 'bad',
  disconnected: 'bad',
  expired: 'bad',
};

/** A state as a word with a colour; the colour never speaks alone. */
export function StateBadge({ state, tone, children }: { state: State; tone?: Tone; children?: ReactNode }) {
  const look = tone ?? TONES[state] ?? 'idle';
  const style =
    look === 'idle'
      ? { '--state-bg': 'var(--mp-sunken)', '--state-fg': 'var(--mp-text-dim)' }
      : { '--state-bg': `var(--mp-${look}-bg)`, '--state-fg': `var(--mp-${look})` };
  return (
    <span className={`${classes.state} ${look === 'busy' ? classes.busy : ''}`} style={style as CSSProperties}>
      {children ?? t(`ui.state.${state}`)}
    </span>
  );
}

export function Time({ iso }: { iso: string | null | undefined }) {
  if (!iso) return <span className="mp-dim">{t('ui.none')}</span>;
  return (
    <time dateTime={iso} title={absoluteTime(iso)} className="mp-nowrap">
      {relativeTime(iso)}
    </time>
  );
}

interface MeterProps {
  label: string;
  used: number;
  limit: number | null;
  kind: string;
  /** What is behind the number. */
  to?: string;
  /** When counting begins anew. */
  resets?: string | null;
}

export function Meter({ label, used, limit, kind, to, resets }: MeterProps) {
  // Nothing of nothing is no alarm.
  const share = limit === null || used === 0 ? 0 : limit === 0 ? 100 : Math.min(100, (used / limit) * 100);
  const color = share >= 95 ? 'red' : share >= 80 ? 'yellow' : 'brand';
  const text = limit === null ? t('ui.usedUnlimited', { used: quantity(used, kind) }) : t('ui.usedOf', { used: quantity(used, kind), limit: quantity(limit, kind) });
  return (
    <div>
      <div className={classes.meterLabel}>
        {to === undefined ? <span>{label}</span> : <TextLink to={to}>{label}</TextLink>}
        <span className="mp-num mp-dim">{text}</span>
      </div>
      {limit !== null && <Progress value={share} color={color} size={6} aria-label={`${label}: ${text}`} />}
      {resets && limit !== null && used > 0 && <div className={classes.meterNote}>{t('ui.resets', { when: relativeTime(resets) })}</div>}
    </div>
  );
}

const ICONS: Record<Condition['status'], ReactNode> = {
  true: <CircleCheck size={16} color="var(--mp-ok)" aria-hidden />,
  false: <CircleX size={16} color="var(--mp-bad)" aria-hidden />,
  unknown: <CircleDashed size={16} color="var(--mp-busy)" aria-hidden />,
};

/** What is done, what is waiting and why, one line each. */
export function Conditions({ items }: { items: Condition[] }) {
  return (
    <ul className={classes.conditions}>
      {items.map((item) => (
        <li key={item.type} className={classes.condition}>
          {ICONS[item.status]}
          <div>
            <div className={classes.conditionTitle}>{t(`ui.condition.${item.type}`)}</div>
            <div className={classes.conditionMessage}>{sentence(item.message)}</div>
          </div>
        </li>
      ))}
    </ul>
  );
}
