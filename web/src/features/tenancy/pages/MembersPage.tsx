import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { Page } from '@/ui/Page';
import { ApiPanel } from '@/ui/ApiPanel';
import { Members } from '../components/Members';

export function MembersPage() {
  const { id, tenant } = useActing();
  return (
    <Page title={t('tenancy.member.title')} description={t('tenancy.member.text', { name: tenant.name })}>
      <Members tenant={id} />
      <ApiPanel tenant={id} example={{ method: 'GET', path: `/api/v1/tenants/${id}/members`, cli: ['tenant', 'member', 'list', id] }} />
    </Page>
  );
}
