import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import classes from './feedback.module.css';

const ICONS = { bad: CircleAlert, warn: TriangleAlert, ok: CircleCheck, busy: Info };

interface Props {
  tone: keyof typeof ICONS;
  title?: string;
  children: ReactNode;
}

/** Something to read before going on. A `bad` one is announced at once. */
export function Notice({ tone, title, children }: Props) {
  const Icon = ICONS[tone];
  return (
    <div className={classes.notice} data-tone={tone} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon size={18} aria-hidden />
      <div className={classes.noticeText}>
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}
