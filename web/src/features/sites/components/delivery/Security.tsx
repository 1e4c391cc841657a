import { Select, Stack, Switch } from '@mantine/core';
import { t } from '@/i18n';
import { Notice } from '@/ui/Notice';
import { Section } from '@/ui/Page';
import type { Draft } from './draft';
import type { PartProps } from './Rows';

/** Seconds; -1 says nothing, 0 takes it back. */
const AGES = [-1, 0, 300, 86_400, 31_536_000] as const;

/** What browsers and handshakes are told. */
export function Security({ value, set, disabled, error }: PartProps<Draft>) {
  const { hsts } = value;
  const known = AGES.find((age) => age === hsts.age);
  return (
    <Section title={t('sites.delivery.security.title')} hint={t('sites.delivery.security.hint')}>
      <Stack gap="md" maw={640}>
        <Select
          label={t('sites.delivery.security.hsts')}
          description={t('sites.delivery.security.hstsHint')}
          allowDeselect={false}
          data={[...AGES.map((age) => ({ value: String(age), label: t(`sites.delivery.security.age.${age}`) })), ...(known === undefined ? [{ value: String(hsts.age), label: t('sites.delivery.security.seconds', { seconds: String(hsts.age) }) }] : [])]}
          disabled={disabled}
          value={String(hsts.age)}
          onChange={(age) => set({ ...value, hsts: { ...hsts, age: Number(age) } })}
          error={error('/hsts')}
        />
        {hsts.age > 86_400 && <Notice tone="warn">{t('sites.delivery.security.hstsWarning')}</Notice>}
        {hsts.age > 0 && <Switch label={t('sites.delivery.security.subdomains')} disabled={disabled} checked={hsts.subdomains} onChange={(event) => set({ ...value, hsts: { ...hsts, subdomains: event.currentTarget.checked } })} />}
        <Select
          label={t('sites.delivery.security.tls')}
          description={t('sites.delivery.security.tlsHint')}
          allowDeselect={false}
          data={[
            { value: '1.2', label: t('sites.delivery.security.tls12') },
            { value: '1.3', label: t('sites.delivery.security.tls13') },
          ]}
          disabled={disabled}
          value={value.tls}
          onChange={(tls) => tls && set({ ...value, tls })}
          error={error('/tls')}
        />
      </Stack>
    </Section>
  );
}
