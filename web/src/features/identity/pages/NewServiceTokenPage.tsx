import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { useParam } from '@/ui/route';
import { TokenForm } from '../components/TokenForm';
import { SERVICES, createServiceToken, type CreateApiToken } from '../queries';

export function NewServiceTokenPage() {
  const { api, paths } = useActing();
  const id = useParam('serviceAccount');
  const write = useWrite((body: CreateApiToken) => createServiceToken(api, id, body), SERVICES);
  return (
    <TokenForm
      title={t('identity.services.newToken')}
      text={t('identity.tokens.createText')}
      back={{ to: paths.serviceAccount(id), label: t('identity.services.title') }}
      path={`/api/v1/service-accounts/${id}/tokens`}
      cli={['service-account', 'token', 'create', id]}
      create={write.mutateAsync}
    />
  );
}
