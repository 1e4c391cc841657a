import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { meQuery } from '@/api/session';
import { t } from '@/i18n';
import { Gate } from '../components/Gate';
import { TotpSetup } from '../components/TotpSetup';

/** Where a second factor is required, nothing else of the panel opens before it is set up. */
export function SecurePage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const done = async () => {
    await client.fetchQuery({ ...meQuery, staleTime: 0 });
    await navigate({ to: '/', replace: true });
  };
  return (
    <Gate title={t('identity.secure.title')} text={t('identity.secure.text')} wide>
      <TotpSetup done={() => void done()} />
    </Gate>
  );
}
