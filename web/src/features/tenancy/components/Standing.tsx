import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Suspense, type ReactNode } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { Section } from '@/ui/Page';
import { ErrorNotice } from '@/ui/feedback';
import { lazyDialog } from '@/ui/lazyDialog';
import { TENANTS, restoreTenant, setTenantState, type Tenant } from '../queries';
import { EndCustomer } from './EndCustomer';
import classes from './tenancy.module.css';

const MergeForm = lazyDialog(() => import('../forms/MergeForm'), 'MergeForm');
const MoveForm = lazyDialog(() => import('../forms/MoveForm'), 'MoveForm');

/** What changes a customer as a whole, below everything else and each with what it means: the end comes last. */
export function Standing({ customer }: { customer: Tenant }) {
  const { id: acting, api } = useActing();
  const [suspending, suspendControl] = useDisclosure(false);
  const [ending, endControl] = useDisclosure(false);
  const [moving, moveControl] = useDisclosure(false);
  const [merging, mergeControl] = useDisclosure(false);
  const restore = useWrite(() => restoreTenant(api, customer.id), TENANTS);
  const state = useWrite((next: 'active' | 'suspended') => setTenantState(api, customer, next), TENANTS);
  const tenants = useQuery(getQuery(acting, '/api/v1/tenants', { query: { limit: 200 } }));
  // Without another seller there is nowhere to move to.
  const sellers = tenants.data?.items.some(({ id, kind }) => kind === 'reseller' && id !== customer.id && id !== acting) || customer.parent_id !== acting;
  const error = state.error ?? restore.error;

  if (customer.state === 'terminating') {
    return (
      <Section title={t('tenancy.standing.title')}>
        {error && <ErrorNotice error={error} />}
        <Act title={t('tenancy.customer.restore')} text={t('tenancy.standing.restoreText')}>
          <Button variant="default" loading={restore.isPending} onClick={() => restore.mutate(undefined)}>
            {t('tenancy.customer.restore')}
          </Button>
        </Act>
      </Section>
    );
  }
  return (
    <Section title={t('tenancy.standing.title')}>
      {error && <ErrorNotice error={error} />}
      {customer.state === 'active' ? (
        <Act title={t('tenancy.standing.suspend')} text={t('tenancy.customer.suspendText')}>
          <Button variant="default" onClick={suspendControl.open}>
            {t('tenancy.customer.suspend')}
          </Button>
        </Act>
      ) : (
        <Act title={t('tenancy.standing.resume')} text={t('tenancy.standing.resumeText')}>
          <Button loading={state.isPending} onClick={() => state.mutate('active')}>
            {t('tenancy.customer.resume')}
          </Button>
        </Act>
      )}
      {sellers && (
        <Act title={t('tenancy.standing.move')} text={t('tenancy.standing.moveText')}>
          <Button variant="default" onClick={moveControl.open}>
            {t('tenancy.move.action')}
          </Button>
        </Act>
      )}
      <Act title={t('tenancy.standing.merge')} text={t('tenancy.standing.mergeText')}>
        <Button variant="default" onClick={mergeControl.open}>
          {t('tenancy.merge.action')}
        </Button>
      </Act>
      <Act title={t('tenancy.standing.end')} text={t('tenancy.standing.endText')}>
        <Button variant="default" color="red" onClick={endControl.open}>
          {t('tenancy.customer.end')}
        </Button>
      </Act>
      <EndCustomer customer={customer} opened={ending} close={endControl.close} />
      <Suspense fallback={null}>
        {moving && <MoveForm customer={customer} close={moveControl.close} />}
        {merging && <MergeForm customer={customer} close={mergeControl.close} />}
      </Suspense>
      <ConfirmDelete
        opened={suspending}
        close={suspendControl.close}
        title={t('tenancy.customer.suspendTitle', { name: customer.name })}
        name={customer.name}
        action={t('tenancy.customer.suspend')}
        run={() => state.mutateAsync('suspended')}
      >
        {t('tenancy.customer.suspendText')}
      </ConfirmDelete>
    </Section>
  );
}

function Act({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <div className={classes.act}>
      <div>
        <strong>{title}</strong>
        <div className="mp-dim">{text}</div>
      </div>
      {children}
    </div>
  );
}
