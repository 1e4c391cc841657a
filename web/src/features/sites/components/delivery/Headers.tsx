import { Select, TextInput } from '@mantine/core';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import type { Header } from './draft';
import classes from './delivery.module.css';
import { Rows, type PartProps } from './Rows';

/** Fields that answers get or lose. */
export function Headers({ value, set, disabled, error }: PartProps<Header[]>) {
  return (
    <Section title={t('sites.delivery.headers.title')} hint={t('sites.delivery.headers.hint')}>
      <Rows
        rows={value}
        set={set}
        fresh={() => ({ path: '/*', name: '', value: '' })}
        add={t('sites.delivery.headers.add')}
        name={(index) => t('sites.delivery.headers.one', { number: String(index + 1) })}
        disabled={disabled}
        error={(index) => error(`/headers/${index}`)}
      >
        {(row, change) => (
          <>
            <Select
              className={classes.small}
              label={t('sites.delivery.headers.does')}
              allowDeselect={false}
              data={[
                { value: 'set', label: t('sites.delivery.headers.set') },
                { value: 'remove', label: t('sites.delivery.headers.remove') },
              ]}
              disabled={disabled}
              value={row.value === null ? 'remove' : 'set'}
              onChange={(does) => change({ value: does === 'remove' ? null : '' })}
            />
            <TextInput label={t('sites.delivery.headers.name')} placeholder="X-Frame-Options" spellCheck={false} disabled={disabled} value={row.name} onChange={(event) => change({ name: event.currentTarget.value })} />
            {row.value !== null && <TextInput label={t('sites.delivery.headers.value')} placeholder="DENY" spellCheck={false} disabled={disabled} value={row.value} onChange={(event) => change({ value: event.currentTarget.value })} />}
            <TextInput className={classes.small} label={t('sites.delivery.path')} spellCheck={false} disabled={disabled} value={row.path} onChange={(event) => change({ path: event.currentTarget.value })} />
          </>
        )}
      </Rows>
    </Section>
  );
}
