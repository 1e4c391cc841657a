import { Select, Stack, Switch, TextInput, Textarea } from '@mantine/core';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import type { Draft } from './draft';
import classes from './delivery.module.css';
import { Passwords } from './Passwords';
import { Rows, type PartProps } from './Rows';

/** Who may come, and how often. */
export function Access({ value, set, disabled, error }: PartProps<Draft>) {
  const { maintenance } = value;
  const close = (part: Partial<Draft['maintenance']>) => set({ ...value, maintenance: { ...maintenance, ...part } });
  return (
    <>
      <Section title={t('sites.delivery.maintenance.title')} hint={t('sites.delivery.maintenance.hint')}>
        <Stack gap="md" maw={640}>
          <Switch
            label={t('sites.delivery.maintenance.on')}
            disabled={disabled}
            checked={maintenance.on}
            onChange={(event) => close({ on: event.currentTarget.checked, title: maintenance.title || t('sites.delivery.maintenance.backSoon') })}
          />
          {maintenance.on && (
            <>
              <TextInput label={t('sites.delivery.maintenance.heading')} disabled={disabled} value={maintenance.title} onChange={(event) => close({ title: event.currentTarget.value })} error={error('/maintenance')} />
              <Textarea label={t('sites.delivery.maintenance.text')} autosize minRows={2} disabled={disabled} value={maintenance.text} onChange={(event) => close({ text: event.currentTarget.value })} />
            </>
          )}
        </Stack>
      </Section>
      <Passwords value={value.areas} set={(areas) => set({ ...value, areas })} disabled={disabled} error={error} />
      <Section title={t('sites.delivery.access.title')} hint={t('sites.delivery.access.hint')}>
        <Rows
          rows={value.access}
          set={(access) => set({ ...value, access })}
          fresh={() => ({ path: '/*', allow: '', deny: '' })}
          add={t('sites.delivery.access.add')}
          name={(index) => t('sites.delivery.access.one', { number: String(index + 1) })}
          disabled={disabled}
          error={(index) => error(`/access/${index}`)}
        >
          {(row, change) => (
            <>
              <TextInput className={classes.small} label={t('sites.delivery.path')} spellCheck={false} disabled={disabled} value={row.path} onChange={(event) => change({ path: event.currentTarget.value })} />
              <Textarea label={t('sites.delivery.access.allow')} placeholder="203.0.113.0/24" autosize spellCheck={false} disabled={disabled} value={row.allow} onChange={(event) => change({ allow: event.currentTarget.value })} />
              <Textarea label={t('sites.delivery.access.deny')} placeholder="198.51.100.7/32" autosize spellCheck={false} disabled={disabled} value={row.deny} onChange={(event) => change({ deny: event.currentTarget.value })} />
            </>
          )}
        </Rows>
      </Section>
      <Section title={t('sites.delivery.rates.title')} hint={t('sites.delivery.rates.hint')}>
        <Rows
          rows={value.rates}
          set={(rates) => set({ ...value, rates })}
          fresh={() => ({ path: '/*', per: 'client' as const, requests: '60', seconds: '60' })}
          add={t('sites.delivery.rates.add')}
          name={(index) => t('sites.delivery.rates.one', { number: String(index + 1) })}
          disabled={disabled}
          error={(index) => error(`/rates/${index}`)}
        >
          {(row, change) => (
            <>
              <TextInput label={t('sites.delivery.path')} spellCheck={false} disabled={disabled} value={row.path} onChange={(event) => change({ path: event.currentTarget.value })} />
              <Select
                label={t('sites.delivery.rates.per')}
                allowDeselect={false}
                data={(['client', 'host'] as const).map((per) => ({ value: per, label: t(`sites.delivery.rates.scope.${per}`) }))}
                disabled={disabled}
                value={row.per}
                onChange={(per) => per && change({ per })}
              />
              <TextInput className={classes.small} label={t('sites.delivery.rates.requests')} inputMode="numeric" disabled={disabled} value={row.requests} onChange={(event) => change({ requests: event.currentTarget.value.replace(/\D/g, '') })} />
              <TextInput className={classes.small} label={t('sites.delivery.rates.seconds')} inputMode="numeric" disabled={disabled} value={row.seconds} onChange={(event) => change({ seconds: event.currentTarget.value.replace(/\D/g, '') })} />
            </>
          )}
        </Rows>
      </Section>
    </>
  );
}
