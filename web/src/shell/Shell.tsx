import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Menu as MenuIcon, Search } from 'lucide-react';
import { Suspense, lazy, useEffect, useMemo, useRef, useState } from 'react';
import { isActingFor, isBuiltIn, roleFor } from '@/api/access';
import { ActingProvider, useActing } from '@/api/acting';
import { followEvents } from '@/api/events';
import { ApiError } from '@/api/problem';
import { getQuery } from '@/api/query';
import { onReauthentication, onStepUp } from '@/api/reauth';
import { useMe } from '@/api/session';
import { rich, t } from '@/i18n';
import { Loading } from '@/ui/feedback';
import { tenantPaths } from '@/ui/paths';
import { useParam } from '@/ui/route';
import { NothingThere, PageError } from './ErrorPages';
import { CONSENT, needsReason } from './assumption';
import { ColorSchemeButton } from './ColorSchemeButton';
import { OpenAssumption } from './OpenAssumption';
import { OperationsButton } from './OperationsButton';
import { Rail } from './Rail';
import classes from './Shell.module.css';
import { TenantSwitcher } from './TenantSwitcher';
import { UserMenu } from './UserMenu';

// Loaded when first opened: none of them is needed to show a page.
const AssumePage = lazy(() => import('./AssumePage').then((module) => ({ default: module.AssumePage })));
const RailDrawer = lazy(() => import('./RailDrawer').then((module) => ({ default: module.RailDrawer })));
const ReloginDialog = lazy(() => import('./Relogin').then((module) => ({ default: module.ReloginDialog })));
const StepUpDialog = lazy(() => import('./StepUp').then((module) => ({ default: module.StepUpDialog })));
const Palette = lazy(() => import('./Palette').then((module) => ({ default: module.Palette })));

export function Shell() {
  const id = useParam('tenant');
  const me = useMe();
  const own = me.memberships.find((membership) => membership.tenant.id === id)?.tenant;
  const other = useQuery({ ...getQuery(id, '/api/v1/tenants/{tenant_id}', { path: { tenant_id: id } }), enabled: !own });
  const tenant = own ?? other.data;

  const role = roleFor(me, id);
  const held = useHeld(id, role);

  // Also when it was open before: its time is over, or somebody has ended it.
  if (!own && needsReason(other.error)) {
    return (
      <Suspense fallback={<Loading />}>
        <AssumePage tenant={id} again={() => void other.refetch()} asked={other.error.code === CONSENT} />
      </Suspense>
    );
  }
  if (!tenant) {
    if (other.error instanceof ApiError && other.error.status === 404) return <NothingThere />;
    return other.error ? <PageError error={other.error} reset={() => void other.refetch()} /> : <Loading />;
  }
  return (
    <ActingProvider tenant={{ id, kind: tenant.kind, name: tenant.name, role, ...(held ? { held } : {}) }}>
      <Frame />
    </ActingProvider>
  );
}

function Frame() {
  const { id } = useActing();
  const client = useQueryClient();
  const [rail, setRail] = useState<boolean | null>(null);
  const [ended, setEnded] = useState(false);
  const [proof, setProof] = useState(false);
  const [palette, paletteControl] = useDisclosure(false);
  const content = useRef<HTMLElement>(null);
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  const first = useRef(true);

  useEffect(() => followEvents(id, client), [id, client]);
  useEffect(() => onReauthentication(setEnded), []);
  useEffect(() => onStepUp(setProof), []);
  useHotkeys([['mod+K', paletteControl.open]], []);
  useEffect(() => {
    // After a change of page, keyboard and screen reader go on in the page, not in the rail.
    if (first.current) first.current = false;
    // A page that put the focus into its first field has chosen better.
    else if (!content.current?.contains(document.activeElement)) content.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <div className={classes.shell}>
      <a href="#content" className="mp-skip">
        {t('shell.skip')}
      </a>
      <div className={classes.rail}>
        <Rail />
      </div>
      <div className={classes.main}>
        <header className={classes.topbar}>
          <button type="button" className={`${classes.icon} ${classes.menuButton}`} onClick={() => setRail(true)} aria-label={t('shell.menu')}>
            <MenuIcon size={19} aria-hidden />
          </button>
          <TenantSwitcher />
          <div className={classes.spacer} />
          <button type="button" className={classes.search} onClick={paletteControl.open} title={t('shell.palette.placeholder')} aria-keyshortcuts="Control+K Meta+K">
            <Search size={16} aria-hidden />
            <span>{t('shell.palette.open')}</span>
            <kbd className="mp-dim" aria-hidden>
              {t('shell.palette.keys')}
            </kbd>
          </button>
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
      <Suspense fallback={null}>
        {rail !== null && <RailDrawer opened={rail} close={() => setRail(false)} />}
        {palette && <Palette close={paletteControl.close} />}
        {ended && <ReloginDialog />}
        {proof && !ended && <StepUpDialog />}
      </Suspense>
    </div>
  );
}

/** What the user may do in a role that the tenant has defined; built-in ones are known here. */
function useHeld(tenant: string, role: string | null): ReadonlySet<string> | undefined {
  const { data } = useQuery({ ...getQuery(tenant, '/api/v1/permissions'), enabled: role !== null && !isBuiltIn(role) });
  return useMemo(() => data && new Set(data.resources.flatMap(({ actions }) => actions.filter(({ held }) => held).map(({ permission }) => permission))), [data]);
}

/** Nobody should ever change a customer's things believing they were his own. */
function ActingBanner() {
  const me = useMe();
  const { tenant } = useActing();
  if (!isActingFor(me, tenant.id)) return null;
  return (
    <div className={classes.banner} role="status">
      <span>{rich('shell.actingFor', { name: <strong>{tenant.name}</strong> })}</span>
      <OpenAssumption />
      <Link to={tenantPaths(me.home_tenant.id).overview}>{t('shell.actingBack', { name: me.home_tenant.name })}</Link>
    </div>
  );
}
