import { Radio, Select, Stack, Switch, TextInput, Textarea } from '@mantine/core';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import type { Draft } from './draft';
import type { PartProps } from './Rows';

const MODES = ['off', 'standard', 'wordpress'] as const;

/** The files of the release or servers of one's own, and what is kept of their answers. */
export function Answers({ value, set, disabled, error }: PartProps<Draft>) {
  const { servers, cache } = value;
  const change = (part: Partial<Draft['servers']>) => set({ ...value, servers: { ...servers, ...part } });
  return (
    <>
      <Section title={t('sites.delivery.answers.title')} hint={t('sites.delivery.answers.hint')}>
        <Stack gap="md" maw={640}>
          <Radio.Group value={value.answers} onChange={(answers) => set({ ...value, answers: answers as Draft['answers'] })} aria-label={t('sites.delivery.answers.title')}>
            <Stack gap="xs">
              <Radio value="files" label={t('sites.delivery.answers.files')} description={t('sites.delivery.answers.filesHint')} disabled={disabled} />
              <Radio value="servers" label={t('sites.delivery.answers.servers')} description={t('sites.delivery.answers.serversHint')} disabled={disabled} />
            </Stack>
          </Radio.Group>
          {value.answers === 'servers' && (
            <>
              <Textarea
                label={t('sites.delivery.answers.addresses')}
                description={t('sites.delivery.answers.addressesHint')}
                placeholder="app.example.com:443"
                autosize
                minRows={2}
                spellCheck={false}
                disabled={disabled}
                value={servers.addresses}
                onChange={(event) => change({ addresses: event.currentTarget.value })}
                error={error('/servers/addresses') ?? error('/servers')}
              />
              <TextInput
                label={t('sites.delivery.answers.path')}
                description={t('sites.delivery.answers.pathHint')}
                disabled={disabled}
                value={servers.path}
                onChange={(event) => change({ path: event.currentTarget.value })}
                error={error('/servers/path')}
              />
              <TextInput
                label={t('sites.delivery.answers.check')}
                description={t('sites.delivery.answers.checkHint')}
                placeholder="/health"
                disabled={disabled}
                value={servers.checkPath}
                onChange={(event) => change({ checkPath: event.currentTarget.value })}
                error={error('/servers/check_path')}
              />
              <Switch label={t('sites.delivery.answers.tls')} description={t('sites.delivery.answers.tlsHint')} disabled={disabled} checked={servers.tls} onChange={(event) => change({ tls: event.currentTarget.checked })} />
              <Switch label={t('sites.delivery.answers.ownName')} description={t('sites.delivery.answers.ownNameHint')} disabled={disabled} checked={servers.ownName} onChange={(event) => change({ ownName: event.currentTarget.checked })} />
              <Switch label={t('sites.delivery.answers.sticky')} description={t('sites.delivery.answers.stickyHint')} disabled={disabled} checked={servers.sticky} onChange={(event) => change({ sticky: event.currentTarget.checked })} />
            </>
          )}
        </Stack>
      </Section>
      {value.answers === 'servers' && (
        <Section title={t('sites.delivery.cache.title')} hint={t('sites.delivery.cache.hint')}>
          <Stack gap="md" maw={640}>
            <Select
              label={t('sites.delivery.cache.mode')}
              description={t(`sites.delivery.cache.explains.${cache.mode}`)}
              allowDeselect={false}
              data={MODES.map((mode) => ({ value: mode, label: t(`sites.delivery.cache.modes.${mode}`) }))}
              disabled={disabled}
              value={cache.mode}
              onChange={(mode) => mode && set({ ...value, cache: { ...cache, mode } })}
            />
            {cache.mode !== 'off' && (
              <TextInput
                label={t('sites.delivery.cache.ttl')}
                description={t('sites.delivery.cache.ttlHint')}
                inputMode="numeric"
                disabled={disabled}
                value={cache.ttl}
                onChange={(event) => set({ ...value, cache: { ...cache, ttl: event.currentTarget.value.replace(/\D/g, '') } })}
                error={error('/cache')}
              />
            )}
          </Stack>
        </Section>
      )}
    </>
  );
}
