import { Title } from '@mantine/core';
import { useEffect, type ReactNode } from 'react';
import { t } from '@/i18n';
import { Mark } from '@/ui/Brand';
import classes from './Gate.module.css';

/** The frame of the pages before the panel: one thing to do, in the middle. */
export function Gate({ title, text, children, wide }: { title: string; text?: ReactNode; children: ReactNode; wide?: boolean }) {
  useEffect(() => {
    document.title = t('ui.documentTitle', { title });
  }, [title]);
  return (
    <main className={classes.gate}>
      <div className={classes.box} data-wide={wide || undefined}>
        <div className={classes.brand}>
          <Mark size={28} />
          {t('shell.product')}
        </div>
        <div className={classes.card}>
          <Title order={1}>{title}</Title>
          {text && <p className={classes.text}>{text}</p>}
          {children}
        </div>
      </div>
    </main>
  );
}
