import { useQuery } from '@tanstack/react-query';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import { shortId } from '@/ui/directory';
import { TextLink } from '@/ui/links';

/** Whose it is: by name, and with a way there. */
export function OfTenant({ id }: { id: string | null }) {
  const { id: own, tenant, paths, can } = useActing();
  const { data } = useQuery({ ...getQuery(own, '/api/v1/tenants', { query: { limit: 200 } }), enabled: id !== null && id !== own && can('customers:read') });
  if (id === null) return <>{t('spine.background.platform')}</>;
  if (id === own) return <>{tenant.name}</>;
  const name = data?.items.find((one) => one.id === id)?.name;
  return name === undefined ? (
    <span className="mp-mono" title={id}>
      {shortId(id)}
    </span>
  ) : (
    <TextLink to={paths.customer(id)}>{name}</TextLink>
  );
}
