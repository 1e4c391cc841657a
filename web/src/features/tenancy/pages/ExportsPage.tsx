import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { Page } from '@/ui/Page';
import { Exports } from '../components/Exports';

/** Everything that is the acting tenant's, for it to take away. */
export function ExportsPage() {
  const { id, tenant } = useActing();
  return (
    <Page title={t('shell.nav.exports')}>
      <Exports tenant={id} seller={tenant.kind !== 'customer'} />
      <ApiPanel tenant={id} example={{ method: 'POST', path: `/api/v1/tenants/${id}/exports`, cli: ['tenant', 'export', id] }} />
    </Page>
  );
}
