import { Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { ChevronLeft } from 'lucide-react';
import { useEffect, type ReactNode } from 'react';
import { t } from '@/i18n';
import classes from './Page.module.css';

interface PageProps {
  title: string;
  /** Shown instead of the plain title, for example with a state beside it. */
  heading?: ReactNode;
  description?: ReactNode;
  back?: { to: string; label: string };
  actions?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}

export function Page({ title, heading, description, back, actions, narrow, children }: PageProps) {
  useEffect(() => {
    document.title = t('ui.documentTitle', { title });
  }, [title]);
  return (
    <div className={narrow ? `${classes.page} ${classes.narrow}` : classes.page}>
      <header className={classes.header}>
        <div className={classes.titles}>
          {back && (
            <Link to={back.to} className={classes.crumb}>
              <ChevronLeft size={14} className="mp-flip" aria-hidden />
              {back.label}
            </Link>
          )}
          <Title order={1} className={classes.title}>
            {heading ?? title}
          </Title>
          {description && <div className={classes.description}>{description}</div>}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

interface SectionProps {
  title?: string;
  hint?: ReactNode;
  actions?: ReactNode;
  /** Lets a table reach the edges. */
  flush?: boolean;
  children?: ReactNode;
}

export function Section({ title, hint, actions, flush, children }: SectionProps) {
  return (
    <section className={classes.section} aria-label={title}>
      {(title || actions) && (
        <div className={classes.sectionHeader}>
          {title && (
            <Title order={2} className={classes.sectionTitle}>
              {title}
            </Title>
          )}
          {actions}
          {hint && <p className={classes.sectionHint}>{hint}</p>}
        </div>
      )}
      {children !== undefined ? <div className={`${classes.sectionBody} ${flush ? classes.flush : ''}`}>{children}</div> : <div className={classes.sectionEnd} />}
    </section>
  );
}
