import { Loader, Progress } from '@mantine/core';
import { Circle, CircleCheck, CircleX, Undo2 } from 'lucide-react';
import { isRunning } from '@/api/operations';
import type { Operation } from '@/api/types';
import { t, tOr } from '@/i18n';
import classes from './OperationSteps.module.css';
import { bytes, count, sentence } from './format';
import { Time } from './state';

type Step = Operation['steps'][number];

function StepIcon({ state }: { state: Step['state'] }) {
  switch (state) {
    case 'running':
      return <Loader size={15} aria-hidden />;
    case 'done':
      return <CircleCheck size={16} color="var(--mp-ok)" aria-hidden />;
    case 'failed':
      return <CircleX size={16} color="var(--mp-bad)" aria-hidden />;
    case 'undone':
      return <Undo2 size={16} color="var(--mp-warn)" aria-hidden />;
    case 'pending':
    case 'skipped':
      return <Circle size={16} color="var(--mp-border-strong)" aria-hidden />;
  }
}

export function operationTitle(operation: Operation): string {
  return tOr(`ui.operation.${operation.kind.replaceAll('.', '_')}`, operation.kind);
}

/** The steps of an operation as they happen, with what went wrong beside the step it concerns. */
export function OperationSteps({ operation }: { operation: Operation }) {
  const { progress } = operation;
  return (
    <div>
      <ol className={classes.steps}>
        {operation.steps.map((step) => (
          <li key={step.key} className={classes.step} data-state={step.state}>
            <StepIcon state={step.state} />
            <div>
              {step.title}
              <span className={classes.srOnly}> ({t(`ui.state.${step.state}`)})</span>
              {step.error && <div className={classes.error}>{sentence(step.error)}</div>}
              {step.warning && <div className={classes.warning}>{sentence(step.warning)}</div>}
              {step.attempts > 1 && isRunning(operation) && step.state !== 'done' && (
                <div className="mp-dim">
                  {t('ui.operationAttempt', { count: step.attempts })} {operation.next_try_at && <Time iso={operation.next_try_at} />}
                </div>
              )}
            </div>
          </li>
        ))}
      </ol>
      {progress && isRunning(operation) && (
        <div className={classes.progress}>
          {progress.total !== null && (
            <Progress value={progress.total ? (progress.done / progress.total) * 100 : 100} size={6} aria-label={t('ui.progress')} />
          )}
          <span className="mp-dim mp-num">{progressText(progress)}</span>
        </div>
      )}
      {operation.error && !operation.steps.some((step) => step.error) && <div className={classes.error}>{sentence(operation.error.message)}</div>}
    </div>
  );
}

function progressText({ done, total, unit }: NonNullable<Operation['progress']>): string {
  const show = (value: number) => (unit === 'bytes' ? bytes(value) : `${count(value)} ${tOr(`ui.unit.${unit}`, unit)}`);
  return total === null ? show(done) : t('ui.progressOf', { done: show(done), total: show(total) });
}
