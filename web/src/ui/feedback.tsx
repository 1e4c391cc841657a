import { Button, Center, Loader, Text, Title } from '@mantine/core';
import type { ComponentType, ReactNode } from 'react';
import { ApiError, NetworkError } from '@/api/problem';
import { t, tOr } from '@/i18n';
import { Notice } from './Notice';
import { sentence } from './format';
import classes from './feedback.module.css';

/** What is missing is said besides: whoever gives roles has to know it. */
const FORBIDDEN = 'request.forbidden';

/** What went wrong, in words for the person in front of the screen. */
export function errorText(error: unknown): string {
  if (error instanceof NetworkError) return t('ui.error.network');
  if (error instanceof ApiError) {
    const fallback = error.detail ? sentence(error.detail) : tOr(`problem.status.${error.status}`, error.message);
    const what = tOr(`problem.code.${error.code}`, fallback);
    const next = tOr(`problem.next.${error.code}`, '');
    return next === '' ? what : `${what.replace(/\.$/, '')}. ${next}`;
  }
  return t('ui.error.unexpected');
}

export function ErrorNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  const id = error instanceof ApiError ? error.requestId : null;
  return (
    <Notice tone="bad">
      <span>{errorText(error)}</span>
      {error instanceof ApiError && error.code === FORBIDDEN && error.detail && (
        <Text size="xs" c="dimmed" className="mp-break">
          {sentence(error.detail)}
        </Text>
      )}
      {id && (
        <Text size="xs" c="dimmed" className="mp-break">
          {t('ui.error.requestId', { id })}
        </Text>
      )}
      {retry && !isFinal(error) && (
        <Button size="compact-sm" variant="default" mt="xs" onClick={retry}>
          {t('ui.action.retry')}
        </Button>
      )}
    </Notice>
  );
}

/** The same request would be answered in the same way. */
function isFinal(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 403 || error.status === 404);
}

interface EmptyProps {
  icon: ComponentType<{ size?: number; 'aria-hidden'?: boolean }>;
  title: string;
  children: ReactNode;
  /** `false` where the role does not allow the next step. */
  action?: ReactNode;
  /** One of several lists on a page, whose being empty is no news. */
  small?: boolean;
}

/** An empty list teaches what belongs there and offers the next step. */
export function Empty({ icon: Icon, title, children, action, small }: EmptyProps) {
  if (small) {
    return (
      <div className={classes.emptySmall}>
        <Icon size={18} aria-hidden />
        <div>
          <strong>{title}</strong>
          <div className="mp-dim">{children}</div>
        </div>
        {action}
      </div>
    );
  }
  return (
    <div className={classes.empty}>
      <div className={classes.emptyIcon}>
        <Icon size={22} aria-hidden />
      </div>
      <Title order={2}>{title}</Title>
      <p className={classes.emptyText}>{children}</p>
      {action === false ? <p className={classes.emptyText}>{t('ui.readOnly')}</p> : action}
    </div>
  );
}

export function Loading() {
  return (
    <Center py={64}>
      <Loader size="sm" aria-label={t('ui.loading')} />
    </Center>
  );
}
