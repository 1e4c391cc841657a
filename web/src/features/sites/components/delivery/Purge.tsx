import { Button, Group, Stack, Switch, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Notice } from '@/ui/Notice';
import { Section } from '@/ui/Page';
import { FormProblem, fieldText } from '@/ui/form';
import { errorText } from '@/ui/feedback';
import { ApiError } from '@/api/problem';
import { purge, type Site } from '../../queries';

/** Has the edges forget what they keep, and says how far that has come. */
export function Purge({ site }: { site: Site }) {
  const { id: tenant, api } = useActing();
  const [text, setText] = useState('');
  const [soft, setSoft] = useState(false);
  const [done, setDone] = useState<Schemas['sites.Purged'] | null>(null);
  const [problem, setProblem] = useState<string[]>([]);
  const write = useWrite((body: Schemas['sites.Purge']) => purge(api, site.id, body), []);
  const body = toBody(text, soft);
  const run = async () => {
    setProblem([]);
    setDone(null);
    try {
      setDone(await write.mutateAsync(body));
    } catch (error) {
      setProblem(error instanceof ApiError && error.errors.length > 0 ? error.errors.map(fieldText) : [errorText(error)]);
    }
  };
  return (
    <Section title={t('sites.purge.title')} hint={t('sites.purge.hint')}>
      <Stack gap="md" maw={640}>
        <FormProblem messages={problem} />
        {done && (
          <Notice tone={done.state === 'everywhere' ? 'ok' : 'warn'}>
            {done.state === 'everywhere' ? t('sites.purge.done', { milliseconds: String(done.took_ms) }) : t('sites.purge.waiting', { edges: done.waiting_for.join(', ') || t('sites.purge.nobody') })}
          </Notice>
        )}
        <Textarea label={t('sites.purge.what')} description={t('sites.purge.whatHint')} placeholder="https://www.example.com/news/*" autosize minRows={2} spellCheck={false} value={text} onChange={(event) => setText(event.currentTarget.value)} />
        <Switch label={t('sites.purge.soft')} description={t('sites.purge.softHint')} checked={soft} onChange={(event) => setSoft(event.currentTarget.checked)} />
        <Group>
          <Button variant="default" loading={write.isPending} onClick={() => void run()}>
            {t(body.everything ? 'sites.purge.all' : 'sites.purge.these')}
          </Button>
        </Group>
        <ApiPanel tenant={tenant} example={{ method: 'POST', path: `/api/v1/sites/${site.id}/cache/purge`, body, cli: ['site', 'purge', site.id, ...toArguments(body)] }} />
      </Stack>
    </Section>
  );
}

/** A line is an address, the beginning of some when it ends in a star, or else a tag; none is everything. */
export function toBody(text: string, soft: boolean): Schemas['sites.Purge'] {
  const all = text.split(/\s+/).filter((line) => line !== '');
  const urls = all.filter((line) => /^https?:/.test(line));
  return {
    everything: all.length === 0,
    urls: urls.filter((line) => !line.endsWith('*')),
    prefixes: urls.filter((line) => line.endsWith('*')).map((line) => line.slice(0, -1)),
    tags: all.filter((line) => !/^https?:/.test(line)),
    soft,
  };
}

function toArguments({ everything, urls = [], prefixes = [], tags = [], soft }: Schemas['sites.Purge']): string[] {
  const each = (flag: string, values: string[]) => values.flatMap((value) => [flag, value]);
  return [...(everything ? ['--everything'] : []), ...each('--address', urls), ...each('--prefix', prefixes), ...each('--tag', tags), ...(soft ? ['--soft'] : [])];
}
