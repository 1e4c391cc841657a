import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import type { AuditEntry, Schemas } from '@/api/types';
import { t } from '@/i18n';
import { Page, Section } from '@/ui/Page';
import { useDirectory } from '@/ui/directory';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { count, entitlement, sentence } from '@/ui/format';
import { OutLink, TextLink } from '@/ui/links';
import { tenantPaths, usagePath } from '@/ui/paths';
import { siteState } from '@/ui/siteState';
import { Meter, StateBadge, Time } from '@/ui/state';
import { storyOf } from '@/ui/story';
import { Checklist } from '../components/Checklist';
import { checklist } from '../components/checklist';
import classes from '../components/overview.module.css';

type Site = Schemas['sites.SiteSummary'];

const SHOWN = 8;

/** What people did and what went wrong; logins, uploads and the platform's own steps stand in the audit log. */
function isNews({ actor, action, via }: AuditEntry): boolean {
  return action.endsWith('.failed') || !(via || actor.startsWith('system:') || ROUTINE.test(action));
}

const ROUTINE = /^(sites\.upload|identity\.session)\./;

export function OverviewPage() {
  const { id, tenant, paths, can } = useActing();
  const sells = can('customers:read');
  const sites = useQuery(getQuery(id, '/api/v1/sites', { query: { limit: 200 } }));
  const zones = useQuery(getQuery(id, '/api/v1/zones', { query: { limit: 200 } }));
  const plans = useQuery({ ...getQuery(id, '/api/v1/plans', { query: { limit: 200 } }), enabled: sells });
  const tenants = useQuery({ ...getQuery(id, '/api/v1/tenants', { query: { limit: 200 } }), enabled: sells });
  const title = t('overview.title');
  const customers = (tenants.data?.items ?? []).filter((one) => one.id !== id);
  // A provider's first site is a customer's: the checklist looks, and leads, there.
  const customer = customers.find(({ kind }) => kind === 'customer')?.id;
  const usage = useQuery({ ...getQuery(id, '/api/v1/tenants/{tenant_id}/usage', { path: { tenant_id: id } }), enabled: customer !== undefined });
  const used = (key: string) => usage.data?.items.find((one) => one.key === key)?.used ?? 0;

  if (!sites.data || (sells && (!plans.data || !tenants.data))) {
    const failed = [sites, plans, tenants].find(({ error }) => error);
    return <Page title={title}>{failed ? <ErrorNotice error={failed.error} retry={() => void failed.refetch()} /> : <Loading />}</Page>;
  }
  const facts = { kind: tenant.kind, plans: plans.data?.items.length ?? 0, customers: customers.length };
  const own = { ...facts, sites: sites.data.items, sitePaths: paths };
  const steps = checklist(customer && sites.data.items.length === 0 ? { ...facts, sites: [], theirs: { sites: used('sites'), bytes: used('disk_bytes') }, sitePaths: tenantPaths(customer) } : own, paths);
  const open = steps.some((step) => !step.done) && !(customer && usage.isPending);
  const live = sites.data.items.filter((site) => site.active_release_id && site.status.ready).length;

  return (
    <Page title={title} description={tenant.name === t(`shell.kind.${tenant.kind}`) ? undefined : tenant.name}>
      {open && <Checklist steps={steps} />}
      <div className={classes.figures}>
        {sells && <Figure label={t('overview.customers')} value={customers.length} more={tenants.data?.next_cursor} note={suspendedNote(customers)} to={paths.customers} />}
        {sells && <Figure label={t('overview.plans')} value={plans.data?.items.length ?? 0} more={plans.data?.next_cursor} to={paths.plans} />}
        {sells ? (
          <TheirSites own={sites.data.items.length} />
        ) : (
          <Figure label={t('overview.sites')} value={sites.data.items.length} more={sites.data.next_cursor} note={t('overview.live', { count: live })} to={paths.sites} />
        )}
        <Figure label={t('overview.zones')} value={zones.data?.items.length ?? 0} more={zones.data?.next_cursor} to={paths.zones} />
      </div>
      <div className={classes.columns}>
        <div>
          {!sells && <Sites sites={sites.data.items} />}
          <Attention />
          {can('audit:read') && <Recent />}
        </div>
        <div>
          <Usage />
          {can('nodes:read') && <Nodes />}
        </div>
      </div>
    </Page>
  );
}

function suspendedNote(customers: { state: string }[]): string | undefined {
  const suspended = customers.filter(({ state }) => state === 'suspended').length;
  return suspended > 0 ? t('overview.suspended', { count: suspended }) : undefined;
}

/** Every number is a door to what is behind it. */
function Figure({ label, value, more, note, to }: { label: string; value: number; more?: string | null; note?: string; to: string }) {
  return (
    <Link to={to} className={classes.figure}>
      <div className={classes.figureLabel}>{label}</div>
      <div className={classes.figureValue}>{more ? t('overview.atLeast', { count: value }) : count(value)}</div>
      {note && <div className={classes.figureNote}>{note}</div>}
    </Link>
  );
}

/** A provider's sites are its customers': the number counts the whole tree, and leads to whose they are. */
function TheirSites({ own }: { own: number }) {
  const { id, paths } = useActing();
  const usage = useQuery(getQuery(id, '/api/v1/tenants/{tenant_id}/usage', { path: { tenant_id: id } }));
  const all = Math.max(own, usage.data?.items.find(({ key }) => key === 'sites')?.used ?? 0);
  const note = all === own ? undefined : own > 0 ? t('overview.sitesOwn', { count: own }) : t('overview.sitesTheirs');
  return <Figure label={t('overview.sites')} value={all} note={note} to={all === own ? paths.sites : paths.customers} />;
}

/** A customer's first question is how the sites are. */
function Sites({ sites }: { sites: Site[] }) {
  const { paths } = useActing();
  if (sites.length === 0) return null;
  return (
    <Section title={t('overview.yourSites')} actions={sites.length > SITES_SHOWN && <TextLink to={paths.sites}>{t('overview.all')}</TextLink>}>
      <ul className={classes.list}>
        {sites.slice(0, SITES_SHOWN).map((site) => (
          <li key={site.id}>
            <span>
              <TextLink to={paths.site(site.id)}>{site.name}</TextLink>
              <div className={classes.address}>
                <OutLink href={site.url ?? site.preview_url} />
              </div>
            </span>
            <StateBadge {...siteState(site)} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

const SITES_SHOWN = 6;

function Attention() {
  const { id, paths } = useActing();
  const sites = useQuery(getQuery(id, '/api/v1/sites', { query: { limit: 200 } }));
  const waiting = (sites.data?.items ?? []).filter((site) => !site.status.ready && site.active_release_id);
  if (waiting.length === 0) return null;
  return (
    <Section title={t('overview.attention')}>
      <ul className={classes.list}>
        {waiting.slice(0, 6).map((site) => (
          <li key={site.id}>
            <span>
              <TextLink to={paths.site(site.id)}>{site.name}</TextLink>
              <div className="mp-dim">{sentence(site.status.summary)}</div>
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Recent() {
  const { id, paths } = useActing();
  const audit = useQuery(getQuery(id, '/api/v1/audit', { query: { limit: 50 } }));
  const told = useMemo(() => (audit.data?.items ?? []).filter(isNews).slice(0, SHOWN), [audit.data]);
  const directory = useDirectory(told);
  if (told.length === 0) return null;
  return (
    <Section title={t('overview.recent')} actions={<TextLink to={paths.audit}>{t('overview.all')}</TextLink>}>
      <ul className={classes.list}>
        {told.map((entry) => (
          <li key={entry.id}>
            <span>{storyOf(entry, directory)}</span>
            <Time iso={entry.time} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Usage() {
  const { id, paths, can } = useActing();
  const usage = useQuery(getQuery(id, '/api/v1/tenants/{tenant_id}/usage', { path: { tenant_id: id } }));
  const behind = can('customers:read') ? () => paths.customers : (key: string) => usagePath(paths, key);
  if (!usage.data || usage.data.items.length === 0) return null;
  return (
    <Section title={t('overview.usage')} hint={can('customers:read') ? t('overview.usageTree') : undefined}>
      <div className={classes.meters}>
        {usage.data.items.map(({ key, unit, used, limit, resets_at }) => (
          <Meter key={key} label={entitlement(key).label} used={used} limit={limit} kind={unit} resets={resets_at} to={behind(key)} />
        ))}
      </div>
    </Section>
  );
}

function Nodes() {
  const { id, paths } = useActing();
  const nodes = useQuery(getQuery(id, '/api/v1/nodes'));
  if (!nodes.data || nodes.data.items.length === 0) return null;
  return (
    <Section title={t('overview.nodes')} actions={<TextLink to={paths.nodes}>{t('overview.all')}</TextLink>}>
      <ul className={classes.list}>
        {nodes.data.items.map((node) => (
          <li key={node.id}>
            <span>
              {node.name}
              <div className="mp-dim">{node.roles.map((role) => t(`overview.role.${role}`)).join(' · ')}</div>
            </span>
            <StateBadge state={node.state} tone={node.state === 'ready' ? 'ok' : undefined} />
          </li>
        ))}
      </ul>
    </Section>
  );
}
