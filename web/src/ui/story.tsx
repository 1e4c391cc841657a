import type { ReactNode } from 'react';
import type { AuditEntry } from '@/api/types';
import { richOr, t, tOr } from '@/i18n';
import { facts, shortId, type Directory } from './directory';

type Told = Pick<AuditEntry, 'action' | 'actor' | 'assumed_from' | 'subject' | 'before' | 'after'> & Partial<Pick<AuditEntry, 'actor_name' | 'subject_name'>>;

/** Who did it, as the reader knows them. */
export function whoOf({ actor, actor_name, assumed_from }: Pick<Told, 'actor' | 'actor_name' | 'assumed_from'>, { name }: Directory): string {
  if (actor.startsWith('system:')) return t('ui.story.system');
  const known = name(actor);
  if (actor.startsWith('tok_')) return known === undefined ? t('ui.story.someToken') : t('ui.story.token', { name: known });
  if (known !== undefined) return known;
  // Of somebody above the log knows the name, and the reader no more than that.
  if (actor_name) return actor_name;
  if (!assumed_from) return t('ui.story.former');
  const provider = name(assumed_from);
  return provider === undefined ? t('ui.story.provider') : t('ui.story.from', { name: provider });
}

/** During which operation it was done for whoever started that, or in which job of its own the platform did it. */
export function jobOf({ actor, via }: Pick<AuditEntry, 'actor' | 'via'>): string | null {
  const job = via?.kind ?? (actor.startsWith('system:') ? actor.slice('system:'.length) : null);
  return job === null ? null : tOr(`ui.operation.${job.replaceAll('.', '_')}`, job);
}

/** To what it was done, by the name it had. */
export function whatOf({ subject, subject_name, before, after }: Told, { name }: Directory): string {
  const said = { ...facts(before), ...facts(after) };
  const text = (key: string) => (typeof said[key] === 'string' ? said[key] : undefined);
  if (subject.startsWith('rec_') && text('name')) return `${text('name')} ${text('type') ?? ''}`.trim();
  if (Array.isArray(said['names']) && said['names'].length > 0) return said['names'].join(', ');
  return text('name') ?? text('email') ?? name(subject) ?? subject_name ?? text('slug') ?? tOr(`ui.some.${subject.split('_')[0]}`, shortId(subject));
}

/** The site that a domain, an upload or a release belongs to. */
export function whereOf({ subject, before, after, action }: Told, { name }: Directory): string | undefined {
  const site = { ...facts(before), ...facts(after) }['site'];
  if (typeof site === 'string') return name(site);
  return /^sites\.domain\./.test(action) ? name(subject) : undefined;
}

/** "Ada Petersen added the site Bakery · …", one sentence an entry. An action without a sentence of its own shows as its code. */
export function storyOf(entry: Told, directory: Directory): ReactNode {
  const where = whereOf(entry, directory);
  const values = { who: whoOf(entry, directory), what: <strong className="mp-break">{whatOf(entry, directory)}</strong>, action: <span className="mp-mono">{entry.action}</span> };
  return (
    <>
      {richOr(variants(entry), 'ui.story.other', values)}
      {where !== undefined && <span className="mp-dim"> · {where}</span>}
    </>
  );
}

/** The most telling key first: what a change changed matters more than that something did. */
function variants({ action, before, after }: Told): string[] {
  const key = `ui.did.${action.replaceAll('.', '_')}`;
  const [old, now] = [facts(before), facts(after)];
  const telling = ['state', 'archived'].filter((field) => field in now && old[field] !== now[field] && field in old);
  return [...telling.map((field) => `${key}_${field}_${String(now[field])}`), key];
}
