import type { ReactNode } from 'react';
import classes from './audit.module.css';

/** What is known, a line each; what is not known has none. */
export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className={classes.facts}>
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd className="mp-break">{value}</dd>
          </div>
        ))}
    </dl>
  );
}
