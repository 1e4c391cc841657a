import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { Page, Section } from '@/ui/Page';
import { ApiPanel } from '@/ui/ApiPanel';
import { Invitations } from '../components/Invitations';
import { Members } from '../components/Members';

export function MembersPage() {
  const { id, tenant } = useActing();
  return (
    <Members tenant={id}>
      {(add, list) => (
        <Page title={t('tenancy.member.title')} description={t('tenancy.member.text', { name: tenant.name })} actions={add}>
          <Section flush>{list}</Section>
          <ApiPanel tenant={id} example={{ method: 'GET', path: `/api/v1/tenants/${id}/members`, cli: ['tenant', 'member', 'list', id] }} />
          <Invitations />
        </Page>
      )}
    </Members>
  );
}
