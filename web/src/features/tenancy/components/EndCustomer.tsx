import { NumberInput, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { toast } from '@/ui/toast';
import { TENANTS, endTenant, type Tenant } from '../queries';

/** Asks for the name of a customer before it ends, and for how many end with it. */
export function EndCustomer({ customer, opened, close }: { customer: Tenant; opened: boolean; close: () => void }) {
  const { id: acting, api } = useActing();
  const sells = customer.kind === 'reseller';
  const [below, setBelow] = useState(0);
  const { data } = useQuery({ ...getQuery(acting, '/api/v1/tenants', { query: { limit: 200 } }), enabled: sells });
  // Of more than one page not all are here to be counted.
  const all = data && !data.next_cursor ? countBelow(data.items, customer.id) : undefined;
  const end = useWrite(() => endTenant(api, customer, below), TENANTS);
  return (
    <ConfirmDelete
      opened={opened}
      close={close}
      title={t('tenancy.customer.endTitle', { name: customer.name })}
      name={customer.name}
      action={t('tenancy.customer.end')}
      run={() => end.mutateAsync(undefined, { onSuccess: () => toast(t('tenancy.customer.ended', { name: customer.name })) })}
    >
      <Stack gap="sm" component="span">
        <span>{t('tenancy.customer.endText')}</span>
        {sells && (
          <NumberInput
            label={t('tenancy.customer.tenantsBelow')}
            description={all === undefined ? undefined : t('tenancy.customer.tenantsBelowHint', { count: all })}
            min={0}
            allowDecimal={false}
            allowNegative={false}
            value={below}
            onChange={(value) => setBelow(typeof value === 'number' ? value : 0)}
          />
        )}
      </Stack>
    </ConfirmDelete>
  );
}

/** How many there are below one of them, at any depth. */
export function countBelow(tenants: readonly Pick<Tenant, 'id' | 'parent_id'>[], id: string): number {
  const children = tenants.filter(({ parent_id }) => parent_id === id);
  return children.reduce((count, child) => count + 1 + countBelow(tenants, child.id), 0);
}
