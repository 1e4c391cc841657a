import { TextInput } from '@mantine/core';
import { useNavigate, useRouterState } from '@tanstack/react-router';
import { ChevronsUpDown, Search } from 'lucide-react';
import { useState } from 'react';
import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { Dropdown } from '@/ui/Dropdown';
import { switchTenantPath } from '@/ui/paths';
import classes from './Shell.module.css';
import { useListKeys } from './listKeys';
import { useSubtreeSearch, useTenantSearch } from './tenants';

export function TenantSwitcher() {
  const { tenant } = useActing();
  const kind = t(`shell.kind.${tenant.kind}`);
  return (
    <Dropdown
      kind="dialog"
      width={320}
      label={t('shell.switcher.label')}
      buttonClass={classes.switcher}
      button={
        <>
          <span className={classes.avatar} aria-hidden>
            {initials(tenant.name)}
          </span>
          <span className={classes.switcherText}>
            <span className="mp-sr">{t('shell.switcher.actingFor')} </span>
            <span className={classes.switcherName}>{tenant.name}</span>
            {kind !== tenant.name && <span className={classes.switcherKind}>{kind}</span>}
          </span>
          <ChevronsUpDown size={14} className="mp-dim" aria-hidden />
        </>
      }
    >
      {(close) => <Choice close={close} />}
    </Dropdown>
  );
}

function Choice({ close }: { close: () => void }) {
  const { id, can } = useActing();
  const navigate = useNavigate();
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  const [search, setSearch] = useState('');
  const named = useTenantSearch(search, true).map((tenant) => ({ ...tenant, hint: t(`shell.kind.${tenant.kind}`) }));
  // Who knows a domain finds whose it is.
  const owners = useSubtreeSearch(id, search, can('customers:write')).filter(({ tenant }) => !named.some((one) => one.id === tenant.id));
  const tenants = [...named, ...new Map(owners.map(({ name, tenant }) => [tenant.id, { ...tenant, hint: name }])).values()];
  const choose = (index: number) => {
    const chosen = tenants[index];
    if (!chosen) return;
    close();
    void navigate({ to: switchTenantPath(pathname, chosen.id, chosen.kind) });
  };
  const keys = useListKeys(tenants.length, choose);

  return (
    <>
      <TextInput
        data-autofocus
        leftSection={<Search size={15} aria-hidden />}
        placeholder={t('shell.switcher.search')}
        aria-label={t('shell.switcher.search')}
        value={search}
        onChange={(event) => {
          setSearch(event.currentTarget.value);
          keys.reset();
        }}
        {...keys.field}
      />
      <ul className={classes.options} {...keys.list} aria-label={t('shell.switcher.list')}>
        {tenants.map((tenant, index) => (
          <li key={tenant.id} role="none">
            <button type="button" className={classes.option} aria-current={tenant.id === id} {...keys.option(index)}>
              <span className={classes.optionText}>{tenant.name}</span>
              <small>{tenant.hint}</small>
            </button>
          </li>
        ))}
        {tenants.length === 0 && <li className="mp-dim">{t('shell.switcher.none')}</li>}
      </ul>
    </>
  );
}

export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).slice(0, 2);
  return words.map((word) => [...word][0]?.toUpperCase() ?? '').join('');
}
