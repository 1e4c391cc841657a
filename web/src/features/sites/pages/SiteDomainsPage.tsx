import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Globe, Plus } from 'lucide-react';
import { Suspense, useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery, useWrite } from '@/api/query';
import { rich, t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { Section } from '@/ui/Page';
import { Empty } from '@/ui/feedback';
import { OutLink, TextLink } from '@/ui/links';
import { lazyDialog } from '@/ui/lazyDialog';
import { SiteFrame } from '../components/SiteFrame';
import { zoneOf } from '../components/zoneOf';
import { SITES, removeDomain, type Domain, type Site } from '../queries';

const DomainForm = lazyDialog(() => import('../forms/DomainForm'), 'DomainForm');

export function SiteDomainsPage() {
  return <SiteFrame>{(site) => <Domains site={site} />}</SiteFrame>;
}

function Domains({ site }: { site: Site }) {
  const { id: tenant, api, can } = useActing();
  const [adding, addControl] = useDisclosure(false);
  const [doomed, setDoomed] = useState<Domain | null>(null);
  const remove = useWrite((domain: Domain) => removeDomain(api, site.id, domain.name), SITES);
  const add = can('sites:write') && (
    <Button leftSection={<Plus size={16} />} onClick={addControl.open}>
      {t('sites.domain.add')}
    </Button>
  );
  return (
    <>
      {site.domains.length === 0 ? (
        <Section>
          <Empty icon={Globe} title={t('sites.domain.emptyTitle')} action={add}>
            {rich('sites.domain.emptyText', { preview: <OutLink href={site.preview_url} /> })}
          </Empty>
        </Section>
      ) : (
        <>
          {site.domains.map((domain) => (
            <OneDomain key={domain.name} domain={domain} remove={() => setDoomed(domain)} />
          ))}
          {add}
        </>
      )}
      <div style={{ marginTop: 16 }}>
        <ApiPanel tenant={tenant} example={{ method: 'GET', path: `/api/v1/sites/${site.id}/domains`, cli: ['site', 'domain', 'list', site.id] }} />
      </div>
      <Suspense fallback={null}>{adding && <DomainForm site={site} close={addControl.close} />}</Suspense>
      <ConfirmDelete opened={doomed !== null} close={() => setDoomed(null)} title={t('sites.domain.removeTitle')} name={doomed?.name} action={t('ui.action.remove')} run={async () => doomed && remove.mutateAsync(doomed)}>
        {rich('sites.domain.removeText', { name: <strong className="mp-break">{doomed?.name}</strong> })}
      </ConfirmDelete>
    </>
  );
}

function OneDomain({ domain, remove }: { domain: Domain; remove: () => void }) {
  const { id: tenant, paths, can } = useActing();
  const zones = useQuery(getQuery(tenant, '/api/v1/zones', { query: { limit: 200 } }));
  const zone = zoneOf(domain.name, zones.data?.items ?? []);
  return (
    <Section
      title={domain.name}
      hint={domain.kind === 'redirect' ? t('sites.domain.redirectsTo', { target: domain.target ?? t('sites.domain.mainAddress'), status: String(domain.status ?? 301) }) : t(`sites.domain.kind.${domain.kind}`)}
      actions={
        can('sites:delete') && (
          <Button variant="default" size="compact-sm" onClick={remove} aria-label={t('sites.domain.removeWhat', { name: domain.name })}>
            {t('ui.action.remove')}
          </Button>
        )
      }
    >
      {zones.data && (
        <p className="mp-dim" style={{ margin: 0 }}>
          {zone
            ? rich('sites.domain.zoneHere', { zone: <TextLink to={paths.zone(zone.id)}>{zone.apex}</TextLink> })
            : rich('sites.domain.zoneElsewhere', { zones: <TextLink to={paths.newZone}>{t('sites.domain.addZone')}</TextLink> })}
        </p>
      )}
    </Section>
  );
}
