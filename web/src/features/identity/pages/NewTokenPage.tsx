import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { TokenForm } from '../components/TokenForm';
import { createToken, type CreateApiToken } from '../queries';

export function NewTokenPage() {
  const { api, paths } = useActing();
  const write = useWrite((body: CreateApiToken) => createToken(api, body), ['/api/v1/api-tokens']);
  return (
    <TokenForm
      title={t('identity.tokens.create')}
      text={t('identity.tokens.createText')}
      back={{ to: paths.tokens, label: t('identity.tokens.title') }}
      path="/api/v1/api-tokens"
      cli={['token', 'create']}
      create={write.mutateAsync}
    />
  );
}
