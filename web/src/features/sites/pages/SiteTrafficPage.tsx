import { SegmentedControl, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Section } from '@/ui/Page';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { bytes, count, entitlement } from '@/ui/format';
import { Meter } from '@/ui/state';
import { SiteFrame } from '../components/SiteFrame';
import { TrafficChart } from '../components/TrafficChart';
import { ANSWERS, dayName, type Measure } from '../components/traffic';
import classes from '../components/traffic.module.css';
import type { Site } from '../queries';

const MEASURES: Measure[] = ['bytes_out', 'requests', 'bytes_in'];
const KEY = 'traffic_bytes_month';
/** Counters arrive from the web server every few seconds, without an event. */
const POLL_MS = 15_000;

export function SiteTrafficPage() {
  return <SiteFrame>{(site) => <Traffic site={site} />}</SiteFrame>;
}

function Traffic({ site }: { site: Site }) {
  const { id: tenant } = useActing();
  const [measure, setMeasure] = useState<Measure>('bytes_out');
  const traffic = useQuery({ ...getQuery(tenant, '/api/v1/sites/{site_id}/traffic', { path: { site_id: site.id } }), refetchInterval: POLL_MS });
  if (!traffic.data) return traffic.error ? <ErrorNotice error={traffic.error} retry={() => void traffic.refetch()} /> : <Loading />;
  const { this_month: month, days } = traffic.data;
  return (
    <>
      <Section title={t('sites.traffic.month')} hint={t('sites.traffic.since', { day: dayName(month.begins_on) })}>
        <Stack gap="lg">
          <dl className={classes.numbers}>
            {MEASURES.map((name) => (
              <div key={name}>
                <dt>{t(`sites.traffic.measure.${name}`)}</dt>
                <dd>{name === 'requests' ? count(month.requests) : bytes(month[name])}</dd>
              </div>
            ))}
          </dl>
          <Allowance />
        </Stack>
      </Section>
      <Section title={t('sites.traffic.answers.title')} hint={t('sites.traffic.answers.hint')}>
        <dl className={classes.numbers}>
          {ANSWERS.map((name) => (
            <div key={name}>
              <dt>{t(`sites.traffic.answers.${name}`)}</dt>
              <dd>{count(month.answers[name])}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <Section
        title={t('sites.traffic.days')}
        hint={t('sites.traffic.daysHint')}
        actions={
          <SegmentedControl
            size="xs"
            aria-label={t('sites.traffic.shown')}
            data={MEASURES.map((value) => ({ value, label: t(`sites.traffic.measure.${value}`) }))}
            value={measure}
            onChange={setMeasure}
          />
        }
      >
        {days.some(({ requests }) => requests > 0) ? <TrafficChart days={days} measure={measure} /> : <p className="mp-plain mp-dim">{t('sites.traffic.none')}</p>}
      </Section>
      <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/sites/${site.id}/traffic`, cli: ['site', 'traffic', site.id] }} />
    </>
  );
}

/** What all sites have used of the plan: one site's number alone says nothing about the limit. */
function Allowance() {
  const { id: tenant } = useActing();
  const usage = useQuery({ ...getQuery(tenant, '/api/v1/tenants/{tenant_id}/usage', { path: { tenant_id: tenant } }), refetchInterval: POLL_MS });
  const item = usage.data?.items.find(({ key }) => key === KEY);
  if (!item) return null;
  return <Meter label={t('sites.traffic.plan', { what: entitlement(KEY).label })} used={item.used} limit={item.limit} kind={item.unit} resets={item.resets_at} />;
}
