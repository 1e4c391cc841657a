import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Page } from '@/ui/Page';
import { DeadEvents } from '../components/DeadEvents';
import { DeadJobs } from '../components/DeadJobs';
import { EventConsumers } from '../components/EventConsumers';
import { Reconcilers } from '../components/Reconcilers';
import { StuckObjects } from '../components/StuckObjects';

/** What works in the background and does not get on: what is tried again by itself, what was given up, and what tries. */
export function BackgroundPage() {
  const { id, tenant, can } = useActing();
  const everybody = tenant.kind === 'platform';
  return (
    <Page title={t('spine.background.title')} description={t('spine.background.text')}>
      <StuckObjects everybody={everybody} />
      <DeadJobs everybody={everybody} />
      {can('events:read') && <DeadEvents />}
      {can('reconcilers:read') && <Reconcilers />}
      {can('consumers:read') && <EventConsumers />}
      <ApiPanel tenant={id} example={{ method: 'GET', path: '/api/v1/dead-jobs', cli: ['jobs', 'dead', 'list'] }} />
    </Page>
  );
}
