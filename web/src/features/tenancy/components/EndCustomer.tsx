import { NumberInput, Stack } from '@mantine/core';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { toast } from '@/ui/toast';
import { TENANTS, endTenant, type Tenant } from '../queries';

/** Asks for the name of a customer before it ends, and for how many end with it. */
export function EndCustomer({ customer, opened, close }: { customer: Tenant; opened: boolean; close: () => void }) {
  const { api } = useActing();
  const sells = customer.kind === 'reseller';
  const [below, setBelow] = useState(0);
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
            description={t('tenancy.customer.tenantsBelowHint')}
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
