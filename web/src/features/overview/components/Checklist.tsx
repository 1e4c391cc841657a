import { Progress } from '@mantine/core';
import { CircleCheck } from 'lucide-react';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import { ButtonLink } from '@/ui/links';
import type { Step } from './checklist';
import classes from './overview.module.css';

export function Checklist({ steps }: { steps: Step[] }) {
  const done = steps.filter((step) => step.done).length;
  const next = steps.findIndex((step) => !step.done);
  return (
    <Section title={t('overview.checklist')} hint={t('overview.checklistHint', { done, total: steps.length })}>
      <Progress value={(done / steps.length) * 100} size={5} mb="md" aria-label={t('overview.checklistHint', { done, total: steps.length })} />
      <ol className={classes.steps}>
        {steps.map((step, index) => (
          <li key={step.key} className={classes.step} data-done={step.done || undefined} data-next={index === next || undefined}>
            {step.done ? <CircleCheck size={22} color="var(--mp-ok)" aria-label={t('ui.state.succeeded')} /> : <span className={classes.number}>{index + 1}</span>}
            <div className={classes.stepText}>
              <strong>{t(step.key)}</strong>
              {!step.done && <span className="mp-dim">{t(step.text)}</span>}
            </div>
            {index === next && <ButtonLink to={step.to}>{t(step.action)}</ButtonLink>}
          </li>
        ))}
      </ol>
    </Section>
  );
}
