import { Group } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { Page } from '@/ui/Page';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { sentence } from '@/ui/format';
import { OutLink } from '@/ui/links';
import { useParam } from '@/ui/route';
import { StateBadge } from '@/ui/state';
import { useSite, type Site } from '../queries';
import classes from './SiteFrame.module.css';
import { siteState } from '@/ui/siteState';

/** "live at <address>" beside a link to that address would say it twice. */
function saysOnlyWhere(site: Site): boolean {
  return site.status.summary === `live at ${site.url ?? site.preview_url}`;
}

/** What every tab of a site begins with: its state in plain words and where to see it. */
export function SiteFrame({ children }: { children: (site: Site) => ReactNode }) {
  const { paths, can } = useActing();
  const id = useParam('site');
  const { data: site, error, refetch } = useSite(id);
  const back = { to: paths.sites, label: t('sites.title') };
  if (!site) {
    return (
      <Page title={t('sites.one')} back={back}>
        {error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />}
      </Page>
    );
  }
  const { state, tone } = siteState(site);
  const tabs = [
    { to: paths.site(id), label: t('sites.tab.releases'), exact: true },
    { to: paths.siteDomains(id), label: t('sites.tab.domains'), exact: false },
    { to: paths.siteDelivery(id), label: t('sites.tab.delivery'), exact: false },
    { to: paths.siteTraffic(id), label: t('sites.tab.traffic'), exact: false },
    { to: paths.siteSettings(id), label: t('sites.tab.settings'), exact: false },
  ];
  return (
    <Page
      title={site.name}
      heading={
        <Group gap="sm">
          {site.name} <StateBadge state={state} tone={tone} />
        </Group>
      }
      description={
        <>
          {!saysOnlyWhere(site) && <div>{sentence(site.status.summary)}</div>}
          <div className={classes.urls}>
            {site.url && <OutLink href={site.url} />}
            {site.preview_url !== site.url && (
              <span>
                {site.url && t('sites.preview')} <OutLink href={site.preview_url} />
              </span>
            )}
          </div>
        </>
      }
      back={back}
    >
      <nav className={classes.tabs} aria-label={t('sites.tab.label')}>
        {tabs.map((tab) => (
          <Link key={tab.to} to={tab.to} className={classes.tab} activeOptions={{ exact: tab.exact }}>
            {tab.label}
          </Link>
        ))}
        {can('audit:read') && (
          <Link to={paths.audit} search={{ subject: id } as never} className={classes.tab}>
            {t('sites.tab.history')}
          </Link>
        )}
      </nav>
      {children(site)}
    </Page>
  );
}
