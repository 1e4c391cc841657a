import { Checkbox } from '@mantine/core';
import { useRef, useState } from 'react';
import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { Section } from '@/ui/Page';
import { Conditions } from '@/ui/state';
import { DeployCard } from '../components/DeployCard';
import { DropZone } from '../components/DropZone';
import { Releases } from '../components/Releases';
import { SiteFrame } from '../components/SiteFrame';
import type { Site } from '../queries';
import { deploy, useDeploy } from '../uploads';

export function SitePage() {
  const { can } = useActing();
  return (
    <SiteFrame>
      {(site) => (
        <>
          {!site.status.ready && site.status.conditions.length > 0 && site.active_release_id && (
            <Section title={t('sites.waitingFor')}>
              <Conditions items={site.status.conditions} />
            </Section>
          )}
          {can('sites:write') && site.state === 'active' && <Upload site={site} />}
          <Releases site={site} />
        </>
      )}
    </SiteFrame>
  );
}

function Upload({ site }: { site: Site }) {
  const { api } = useActing();
  const running = useDeploy(site.id);
  const file = useRef<File | null>(null);
  const [live, setLive] = useState(true);
  const start = (chosen: File) => {
    file.current = chosen;
    void deploy(api, site.id, chosen, live);
  };
  const busy = running !== undefined && running.phase !== 'failed' && running.phase !== 'published';
  return (
    <Section title={t('sites.upload.title')}>
      {!busy && (
        <>
          <DropZone onFile={start} first={!site.active_release_id} />
          <Checkbox mt="sm" label={t('sites.upload.goLive')} checked={live} onChange={(event) => setLive(event.currentTarget.checked)} />
        </>
      )}
      {running && <DeployCard site={site} deploy={running} retry={file.current ? () => file.current && start(file.current) : undefined} />}
    </Section>
  );
}
