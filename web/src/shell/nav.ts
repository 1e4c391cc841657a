import {
  Activity,
  Award,
  Bot,
  Building2,
  Gauge,
  Globe,
  KeyRound,
  Layers,
  LifeBuoy,
  MonitorSmartphone,
  PackageOpen,
  PanelsTopLeft,
  ScrollText,
  Server,
  ShieldCheck,
  UserCog,
  Users,
  type LucideIcon,
} from 'lucide-react';
import type { Permission } from '@/api/access';
import type { Key } from '@/i18n';
import type { TenantPaths } from '@/ui/paths';

export interface NavItem {
  label: Key;
  to: (paths: TenantPaths) => string;
  icon: LucideIcon;
  /** Without it the page would say no more than that one may not see it. */
  needs?: Permission;
  exact?: boolean;
  /** Shows how much waits there for somebody to look at it. */
  attention?: boolean;
}

export interface NavGroup {
  label?: Key;
  items: NavItem[];
}

/** The rail, by intent. A new capability adds its line here. */
export const NAV: NavGroup[] = [
  {
    items: [
      { label: 'shell.nav.overview', to: (paths) => paths.overview, icon: Gauge, exact: true },
      { label: 'shell.nav.sites', to: (paths) => paths.sites, icon: PanelsTopLeft },
    ],
  },
  {
    label: 'shell.nav.network',
    items: [
      { label: 'shell.nav.zones', to: (paths) => paths.zones, icon: Globe },
      { label: 'shell.nav.certificates', to: (paths) => paths.certificates, icon: Award },
    ],
  },
  {
    label: 'shell.nav.customersGroup',
    items: [
      { label: 'shell.nav.customers', to: (paths) => paths.customers, icon: Building2, needs: 'customers:read' },
      { label: 'shell.nav.plans', to: (paths) => paths.plans, icon: Layers, needs: 'customers:read' },
    ],
  },
  {
    label: 'shell.nav.trust',
    items: [
      { label: 'shell.nav.members', to: (paths) => paths.members, icon: Users },
      { label: 'shell.nav.roles', to: (paths) => paths.roles, icon: ShieldCheck },
      { label: 'shell.nav.support', to: (paths) => paths.support, icon: LifeBuoy, needs: 'support:read' },
      { label: 'shell.nav.exports', to: (paths) => paths.exports, icon: PackageOpen, needs: 'exports:read' },
      { label: 'shell.nav.audit', to: (paths) => paths.audit, icon: ScrollText, needs: 'audit:read' },
      { label: 'shell.nav.background', to: (paths) => paths.background, icon: Activity, attention: true },
      { label: 'shell.nav.tokens', to: (paths) => paths.tokens, icon: KeyRound },
      { label: 'shell.nav.serviceAccounts', to: (paths) => paths.serviceAccounts, icon: Bot, needs: 'services:write' },
    ],
  },
  {
    label: 'shell.nav.settings',
    items: [
      { label: 'shell.nav.nodes', to: (paths) => paths.nodes, icon: Server, needs: 'nodes:read' },
      { label: 'shell.nav.sessions', to: (paths) => paths.sessions, icon: MonitorSmartphone },
      { label: 'shell.nav.profile', to: (paths) => paths.profile, icon: UserCog },
    ],
  },
];

export function visibleNav(can: (permission: Permission) => boolean): NavGroup[] {
  return NAV.map((group) => ({ ...group, items: group.items.filter((item) => !item.needs || can(item.needs)) })).filter(
    (group) => group.items.length > 0,
  );
}
