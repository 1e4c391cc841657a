import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Suspense } from 'react';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import { Notice } from '@/ui/Notice';
import { Section } from '@/ui/Page';
import { lazyDialog } from '@/ui/lazyDialog';

const RetentionForm = lazyDialog(() => import('../forms/RetentionForm'), 'RetentionForm');

/** For how long the log is kept, and whether it may be cut at all. */
export function Retention() {
  const { id, tenant, can } = useActing();
  const { data } = useQuery(getQuery(id, '/api/v1/audit/retention'));
  const [editing, control] = useDisclosure(false);
  if (!data) return null;
  return (
    <Section
      title={t('spine.retention.title')}
      actions={
        can('audit:keep') && (
          <Button size="compact-sm" variant="default" onClick={control.open}>
            {t('spine.retention.edit')}
          </Button>
        )
      }
    >
      <p className="mp-plain">{t('spine.retention.kept', { days: data.effective_days })}</p>
      {tenant.kind !== 'platform' && <p className="mp-plain mp-dim">{t('spine.retention.demanded', { days: data.least_days })}</p>}
      {data.held_for && <Notice tone="warn">{t('spine.retention.heldFor', { reason: data.held_for })}</Notice>}
      <Suspense fallback={null}>{editing && <RetentionForm now={data} close={control.close} />}</Suspense>
    </Section>
  );
}
