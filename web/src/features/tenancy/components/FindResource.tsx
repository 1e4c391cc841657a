import { TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import { DataTable } from '@/ui/DataTable';
import { Section } from '@/ui/Page';
import { TextLink } from '@/ui/links';
import { tenantPaths } from '@/ui/paths';
import { StateBadge } from '@/ui/state';
import type { Found } from '../queries';

/** Whose domain is this? Finds sites, host names and zones of everybody below. */
export function FindResource() {
  const { id: tenant, paths } = useActing();
  const [text, setText] = useState('');
  const [wanted] = useDebouncedValue(text.trim(), 200);
  const found = useQuery({ ...getQuery(tenant, '/api/v1/subtree', { query: { q: wanted, limit: 50 } }), enabled: wanted !== '' });
  return (
    <Section flush={wanted !== ''}>
      <TextInput
        type="search"
        leftSection={<Search size={15} aria-hidden />}
        label={t('tenancy.find.label')}
        description={t('tenancy.find.hint')}
        placeholder={t('tenancy.find.placeholder')}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        p={wanted === '' ? 0 : 'md'}
      />
      {wanted !== '' && (
        <DataTable
          label={t('tenancy.find.results')}
          rows={found.data?.items}
          rowKey={({ kind, name, site_id, zone_id }) => `${kind}:${site_id ?? zone_id ?? ''}:${name}`}
          error={found.error}
          retry={() => void found.refetch()}
          empty={<p className="mp-plain mp-dim">{t('tenancy.find.none', { text: wanted })}</p>}
          columns={[
            { key: 'name', header: t('tenancy.find.name'), main: true, cell: (row) => <TextLink to={resourcePath(row)}>{row.name}</TextLink> },
            { key: 'kind', header: t('tenancy.find.kind'), cell: ({ kind }) => t(`tenancy.find.kinds.${kind}`) },
            { key: 'whose', header: t('tenancy.find.whose'), cell: ({ tenant: owner }) => (owner.id === tenant ? owner.name : <TextLink to={paths.customer(owner.id)}>{owner.name}</TextLink>) },
            { key: 'state', header: t('tenancy.customer.state'), cell: ({ status, tenant: owner }) => <StateBadge state={status === 'deleting' ? 'deleting' : owner.state} /> },
          ]}
        />
      )}
    </Section>
  );
}

/** The page of what was found, as its owner's. */
export function resourcePath({ tenant, site_id, zone_id }: Pick<Found, 'tenant' | 'site_id' | 'zone_id'>): string {
  const paths = tenantPaths(tenant.id);
  if (site_id) return paths.site(site_id);
  return zone_id ? paths.zone(zone_id) : paths.overview;
}
