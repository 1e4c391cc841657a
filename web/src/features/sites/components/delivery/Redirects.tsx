import { Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import { follow, type Redirect } from './draft';
import classes from './delivery.module.css';
import { Rows, type PartProps } from './Rows';

const STATUSES = [301, 302, 307, 308, 200] as const;

/** Other places for paths, with a trial of them. */
export function Redirects({ value, set, disabled, error }: PartProps<Redirect[]>) {
  const [asked, setAsked] = useState('');
  const found = asked.startsWith('/') ? follow(value, asked) : null;
  return (
    <Section title={t('sites.delivery.redirects.title')} hint={t('sites.delivery.redirects.hint')}>
      <Rows
        rows={value}
        set={set}
        fresh={() => ({ from: '', to: '', status: 301 })}
        add={t('sites.delivery.redirects.add')}
        name={(index) => t('sites.delivery.redirects.one', { number: String(index + 1) })}
        disabled={disabled}
        ordered
        error={(index) => error(`/redirects/${index}`)}
      >
        {(row, change) => (
          <>
            <TextInput label={t('sites.delivery.redirects.from')} placeholder="/old/*" spellCheck={false} disabled={disabled} value={row.from} onChange={(event) => change({ from: event.currentTarget.value })} />
            <TextInput label={t('sites.delivery.redirects.to')} placeholder="/new/:splat" spellCheck={false} disabled={disabled} value={row.to} onChange={(event) => change({ to: event.currentTarget.value })} />
            <Select
              className={classes.small}
              label={t('sites.delivery.redirects.status')}
              allowDeselect={false}
              data={STATUSES.map((status) => ({ value: String(status), label: t(`sites.delivery.redirects.statuses.${status}`) }))}
              disabled={disabled}
              value={String(row.status)}
              onChange={(status) => change({ status: Number(status) })}
            />
          </>
        )}
      </Rows>
      {value.length > 0 && (
        <TextInput
          mt="md"
          maw={420}
          label={t('sites.delivery.redirects.try')}
          placeholder="/old/page"
          spellCheck={false}
          value={asked}
          onChange={(event) => setAsked(event.currentTarget.value)}
          description={
            !asked.startsWith('/')
              ? t('sites.delivery.redirects.tryHint')
              : found
                ? t(found.status === 200 ? 'sites.delivery.redirects.shows' : 'sites.delivery.redirects.leads', { number: String(found.index + 1), to: found.to })
                : t('sites.delivery.redirects.stays')
          }
        />
      )}
    </Section>
  );
}
