import { Button, Group, Stack } from '@mantine/core';
import { Minus, Plus } from 'lucide-react';
import type { AuditEntry } from '@/api/types';
import { t } from '@/i18n';
import { CopyIcon } from '@/ui/Copy';
import type { Directory } from '@/ui/directory';
import { absoluteTime } from '@/ui/format';
import { TextLink } from '@/ui/links';
import { jobOf, storyOf, whatOf, whoOf } from '@/ui/story';
import { Facts } from './Facts';
import { FromWhere } from './FromWhere';
import classes from './audit.module.css';
import { changes, fieldName, fieldValue } from './changes';

interface Props {
  entry: AuditEntry;
  directory: Directory;
  narrow: (filter: 'subject' | 'actor', value: string) => void;
}

/** One entry: the sentence, who and from where, what changed; the codes for scripts come last. */
export function Detail({ entry, directory, narrow }: Props) {
  const path = directory.path(entry.subject);
  const what = whatOf(entry, directory);
  const job = jobOf(entry);
  return (
    <Stack gap="lg">
      <p className={classes.sentence}>{storyOf(entry, directory)}</p>
      <Facts
        facts={[
          [t('spine.audit.time'), absoluteTime(entry.time)],
          [t('spine.audit.who'), whoOf(entry, directory)],
          [t('spine.audit.during'), job],
          [t('spine.audit.assumedFrom'), entry.assumed_from && directory.name(entry.assumed_from)],
          [t('spine.audit.reason'), entry.assumption?.reason],
          [t('spine.audit.about'), path ? <TextLink to={path}>{what}</TextLink> : what],
        ]}
      />
      <FromWhere entry={entry} who={whoOf(entry, directory)} directory={directory} />
      <Changes entry={entry} directory={directory} />
      <Group gap="xs">
        <Button size="compact-sm" variant="default" onClick={() => narrow('subject', entry.subject)}>
          {t('spine.audit.onlyThis')}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => narrow('actor', entry.actor)}>
          {t('spine.audit.onlyActor')}
        </Button>
      </Group>
      <section aria-label={t('spine.audit.technical')}>
        <h3 className={classes.heading}>{t('spine.audit.technical')}</h3>
        <Facts
          facts={[
            [t('spine.audit.action'), <Code key="action" value={entry.action} label={t('spine.audit.action')} />],
            [t('spine.audit.actor'), <Code key="actor" value={entry.actor} label={t('spine.audit.actor')} />],
            [t('spine.audit.subject'), <Code key="subject" value={entry.subject} label={t('spine.audit.subject')} />],
            [t('spine.audit.operation'), entry.via && <Code key="operation" value={entry.via.operation_id} label={t('spine.audit.operation')} />],
            [t('spine.audit.request'), <Code key="request" value={entry.request_id} label={t('spine.audit.request')} />],
          ]}
        />
      </section>
    </Stack>
  );
}

function Code({ value, label }: { value: string; label: string }) {
  return (
    <span className={classes.code}>
      <span className="mp-mono mp-break">{value}</span>
      <CopyIcon value={value} label={t('ui.action.copyWhat', { what: label })} />
    </span>
  );
}

/** Before and after of each field that differs; of something new or gone, only what it was. */
function Changes({ entry, directory }: Pick<Props, 'entry' | 'directory'>) {
  const diff = changes(entry.before, entry.after);
  if (diff.length === 0) return null;
  const both = entry.before !== null && entry.after !== null;
  const title = t(both ? 'spine.audit.changes' : 'spine.audit.recorded');
  const show = (field: string, value: unknown) => fieldValue(field, value, directory);
  return (
    <section aria-label={title}>
      <h3 className={classes.heading}>{title}</h3>
      {both ? (
        <dl className={classes.diff}>
          {diff.map(({ field, before, after }) => (
            <div key={field}>
              <dt title={field}>{fieldName(field)}</dt>
              <dd>
                <del className={classes.before} aria-label={t('spine.audit.before')}>
                  <Minus size={13} aria-hidden />
                  <span className="mp-break">{show(field, before)}</span>
                </del>
                <ins className={classes.after} aria-label={t('spine.audit.after')}>
                  <Plus size={13} aria-hidden />
                  <span className="mp-break">{show(field, after)}</span>
                </ins>
              </dd>
            </div>
          ))}
        </dl>
      ) : (
        <Facts facts={diff.map(({ field, before, after }) => [fieldName(field), show(field, after ?? before)])} />
      )}
    </section>
  );
}
