import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Building2, Globe, PanelsTopLeft, Plus, Search, type LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { tenantPaths } from '@/ui/paths';
import classes from './Shell.module.css';
import { useListKeys } from './listKeys';
import { visibleNav } from './nav';
import { useSubtreeSearch, useTenantSearch } from './tenants';

interface Entry {
  key: string;
  text: string;
  hint: string;
  icon: LucideIcon;
  to: string;
}

const SHOWN = 12;

export function Palette({ close }: { close: () => void }) {
  const navigate = useNavigate();
  const [search, setSearch] = useState('');
  const entries = useEntries(search);
  const choose = (index: number) => {
    const entry = entries[index];
    if (!entry) return;
    close();
    void navigate({ to: entry.to });
  };
  const keys = useListKeys(entries.length, choose);

  return (
    <Dialog opened onClose={close} withCloseButton={false} yOffset="12vh" centered={false} padding="xs" size={560} attributes={{ content: { 'aria-label': t('shell.palette.open') } }}>
      <TextInput
        data-autofocus
        size="md"
        variant="unstyled"
        leftSection={<Search size={17} aria-hidden />}
        placeholder={t('shell.palette.placeholder')}
        aria-label={t('shell.palette.placeholder')}
        value={search}
        onChange={(event) => {
          setSearch(event.currentTarget.value);
          keys.reset();
        }}
        {...keys.field}
      />
      <ul className={classes.options} {...keys.list} aria-label={t('shell.palette.results')}>
        {entries.map((entry, index) => (
          <li key={entry.key} role="none">
            <button type="button" className={classes.option} {...keys.option(index)}>
              <entry.icon size={16} className="mp-dim" aria-hidden />
              <span className={classes.optionText}>{entry.text}</span>
              <small>{entry.hint}</small>
            </button>
          </li>
        ))}
        {entries.length === 0 && <li className="mp-dim">{t('shell.palette.none')}</li>}
      </ul>
    </Dialog>
  );
}

function useEntries(search: string): Entry[] {
  const { id, paths, can } = useActing();
  const sites = useQuery(getQuery(id, '/api/v1/sites', { query: { limit: 200 } }));
  const tenants = useTenantSearch(search, search.trim() !== '');
  const below = useSubtreeSearch(id, search, can('customers:write'));

  const entries: Entry[] = [];
  const action = (text: string, to: string) => entries.push({ key: `do:${to}`, text, hint: t('shell.palette.action'), icon: Plus, to });
  if (can('sites:write')) action(t('shell.palette.newSite'), paths.newSite);
  if (can('zones:write')) action(t('shell.palette.newZone'), paths.newZone);
  if (can('customers:write')) action(t('shell.palette.newCustomer'), paths.newCustomer);
  if (can('plans:write')) action(t('shell.palette.newPlan'), paths.newPlan);
  if (can('tokens:write')) action(t('shell.palette.newToken'), paths.newToken);
  if (can('roles:write')) action(t('shell.palette.newRole'), paths.newRole);
  action(t('shell.palette.signIns'), paths.signIns);
  for (const group of visibleNav(can)) {
    for (const item of group.items) {
      entries.push({ key: item.label, text: t(item.label), hint: t('shell.palette.page'), icon: item.icon, to: item.to(paths) });
    }
  }
  for (const site of sites.data?.items ?? []) {
    const names = [site.name, ...site.domains.map((domain) => domain.name)].join(' ');
    entries.push({ key: site.id, text: site.name, hint: t('shell.palette.site'), icon: PanelsTopLeft, to: paths.site(site.id) });
    if (names.toLowerCase() !== site.name.toLowerCase()) {
      const last = entries[entries.length - 1];
      if (last) last.hint = site.domains[0]?.name ?? last.hint;
    }
  }
  const wanted = search.trim().toLowerCase();
  const found = entries.filter(({ text, hint }) => `${text} ${hint}`.toLowerCase().includes(wanted));
  if (wanted) {
    for (const tenant of tenants) {
      found.push({ key: tenant.id, text: tenant.name, hint: t('shell.palette.actFor'), icon: Building2, to: tenantPaths(tenant.id).overview });
    }
  }
  for (const { name, kind, tenant, site_id, zone_id } of below) {
    if (tenant.id === id) continue;
    const of = tenantPaths(tenant.id);
    const to = site_id ? of.site(site_id) : zone_id ? of.zone(zone_id) : of.overview;
    found.push({ key: `${kind}:${site_id ?? zone_id ?? ''}:${name}`, text: name, hint: tenant.name, icon: Globe, to });
  }
  return found.slice(0, SHOWN);
}
