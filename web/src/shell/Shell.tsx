import { ActionIcon, Drawer, Tooltip } from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Menu as MenuIcon, Search } from 'lucide-react';
import { Suspense, lazy, useEffect, useRef } from 'react';
import { isActingFor, roleFor } from '@/api/access';
import { ActingProvider, useActing } from '@/api/acting';
import { followEvents } from '@/api/events';
import { getQuery } from '@/api/query';
import { useMe } from '@/api/session';
import { rich, t } from '@/i18n';
import { ErrorNotice, Loading } from '@/ui/feedback';
import { tenantPaths } from '@/ui/paths';
import { useParam } from '@/ui/route';
import { ColorSchemeButton } from './ColorSchemeButton';
import { OperationsButton } from './OperationsButton';
import { Rail } from './Rail';
import { Relogin } from './Relogin';
import classes from './Shell.module.css';
import { TenantSwitcher } from './TenantSwitcher';
import { UserMenu } from './UserMenu';

const Palette = lazy(() => import('./Palette').then((module) => ({ default: module.Palette })));

export function Shell() {
  const id = useParam('tenant');
  const me = useMe();
  const own = me.memberships.find((membership) => membership.tenant.id === id)?.tenant;
  const other = useQuery({ ...getQuery(id, '/api/v1/tenants/{id}', { path: { id } }), enabled: !own });
  const tenant = own ?? other.data;

  if (!tenant) {
    return other.error ? <ErrorNotice error={other.error} retry={() => void other.refetch()} /> : <Loading />;
  }
  return (
    <ActingProvider tenant={{ id, kind: tenant.kind, name: tenant.name, role: roleFor(me, id) }}>
      <Frame />
    </ActingProvider>
  );
}

function Frame() {
  const { id } = useActing();
  const client = useQueryClient();
  const [rail, railControl] = useDisclosure(false);
  const [palette, paletteControl] = useDisclosure(false);
  const content = useRef<HTMLElement>(null);
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  const first = useRef(true);

  useEffect(() => followEvents(id, client), [id, client]);
  useHotkeys([['mod+K', paletteControl.open]], []);
  useEffect(() => {
    // After a change of page, keyboard and screen reader go on in the page, not in the rail.
    if (first.current) first.current = false;
    else content.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <div className={classes.shell}>
      <a href="#content" className="mp-skip">
        {t('shell.skip')}
      </a>
      <div className={classes.rail}>
        <Rail />
      </div>
      <Drawer opened={rail} onClose={railControl.close} size={264} padding={0} withCloseButton={false} aria-label={t('shell.nav.label')}>
        <Rail onNavigate={railControl.close} />
      </Drawer>
      <div className={classes.main}>
        <header className={classes.topbar}>
          <ActionIcon className={classes.menuButton} variant="subtle" color="gray" size="lg" onClick={railControl.open} aria-label={t('shell.menu')}>
            <MenuIcon size={19} />
          </ActionIcon>
          <TenantSwitcher />
          <div className={classes.spacer} />
          <Tooltip label={t('shell.palette.open')}>
            <button type="button" className={classes.search} onClick={paletteControl.open} aria-label={t('shell.palette.open')}>
              <Search size={16} aria-hidden />
              <span>{t('shell.palette.short')}</span>
              <kbd className="mp-dim">{t('shell.palette.keys')}</kbd>
            </button>
          </Tooltip>
          <OperationsButton />
          <ColorSchemeButton />
          <UserMenu />
        </header>
        <ActingBanner />
        <main id="content" ref={content} className={classes.content} tabIndex={-1}>
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      {palette && (
        <Suspense fallback={null}>
          <Palette close={paletteControl.close} />
        </Suspense>
      )}
      <Relogin />
    </div>
  );
}

/** Nobody should ever change a customer's things believing they were his own. */
function ActingBanner() {
  const me = useMe();
  const { tenant } = useActing();
  if (!isActingFor(me, tenant.id)) return null;
  return (
    <div className={classes.banner} role="status">
      <span>{rich('shell.actingFor', { name: <strong>{tenant.name}</strong> })}</span>
      <Link to={tenantPaths(me.home_tenant.id).overview}>{t('shell.actingBack', { name: me.home_tenant.name })}</Link>
    </div>
  );
}
