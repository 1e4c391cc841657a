import { describe, expect, it } from 'vitest';
import { can, isActingFor, roleFor, type Acting } from '@/api/access';
import type { Me, TenantRef } from '@/api/types';
import { parseFragment } from '@/api/fragment';
import { minutesLeft } from '@/shell/assumption';
import { safeNext, switchTenantPath, tenantPaths } from '@/ui/paths';

const ref = (id: string, kind: TenantRef['kind']): TenantRef => ({ id, kind, name: id, slug: id });
const me = (...memberships: [string, TenantRef['kind'], Me['memberships'][number]['role']][]): Me => ({
  user: { id: 'user_1', email: 'a@b', email_proven: true, name: 'A', totp_enabled: false },
  home_tenant: ref('tnt_home', 'platform'),
  memberships: memberships.map(([id, kind, role]) => ({ tenant: ref(id, kind), role, role_name: null })),
  totp_setup_required: false,
});

describe('tenant paths', () => {
  it('begin with the acting tenant and encode what is in them', () => {
    const paths = tenantPaths('tnt_1');
    expect(paths.overview).toBe('/t/tnt_1');
    expect(paths.site('site_1')).toBe('/t/tnt_1/sites/site_1');
    expect(paths.customer('a/b?c')).toBe('/t/tnt_1/customers/a%2Fb%3Fc');
  });

  it('keep the section, not the resource, when the tenant changes', () => {
    expect(switchTenantPath('/t/tnt_1/sites/site_1/domains', 'tnt_2', 'customer')).toBe('/t/tnt_2/sites');
    expect(switchTenantPath('/t/tnt_1', 'tnt_2', 'platform')).toBe('/t/tnt_2');
    expect(switchTenantPath('/t/tnt_1/plans/plan_1', 'tnt_2', 'reseller')).toBe('/t/tnt_2/plans');
  });

  it('lead to the overview where the other tenant has no such section', () => {
    expect(switchTenantPath('/t/tnt_1/customers', 'tnt_2', 'customer')).toBe('/t/tnt_2');
    expect(switchTenantPath('/t/tnt_1/nodes', 'tnt_2', 'reseller')).toBe('/t/tnt_2');
  });

  it('never lead out of the panel after a login', () => {
    expect(safeNext('/t/tnt_1/sites')).toBe('/t/tnt_1/sites');
    for (const evil of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', undefined, 5]) {
      expect(safeNext(evil)).toBe('/');
    }
  });

  it('read the secret of a link', () => {
    expect(parseFragment('#abc-DEF_1')).toBe('abc-DEF_1');
    expect(parseFragment('#token=abc')).toBe('abc');
  });
});

describe('permissions', () => {
  const acting = (kind: Acting['kind'], role: Acting['role']): Acting => ({ id: 'tnt_1', kind, role });

  it('follow the role', () => {
    expect(can(acting('customer', 'developer'), 'sites:write')).toBe(true);
    expect(can(acting('customer', 'viewer'), 'sites:write')).toBe(false);
    expect(can(acting('customer', 'developer'), 'members:write')).toBe(false);
    expect(can(acting('platform', null), 'customers:read')).toBe(false);
  });

  it('follow the kind of tenant', () => {
    expect(can(acting('customer', 'owner'), 'customers:read')).toBe(false);
    expect(can(acting('reseller', 'owner'), 'plans:write')).toBe(true);
    expect(can(acting('reseller', 'owner'), 'nodes:read')).toBe(false);
    expect(can(acting('platform', 'viewer'), 'nodes:read')).toBe(true);
  });

  it('of owners and admins above reach below, those of others do not', () => {
    const owner = me(['tnt_home', 'platform', 'owner'], ['tnt_c', 'customer', 'viewer']);
    expect(roleFor(owner, 'tnt_below')).toBe('owner');
    expect(roleFor(me(['tnt_home', 'platform', 'owner'], ['tnt_r', 'reseller', 'admin']), 'tnt_below')).toBe('admin');
    expect(roleFor(owner, 'tnt_c')).toBe('viewer');
    expect(roleFor(me(['tnt_home', 'platform', 'developer']), 'tnt_below')).toBeNull();
    expect(roleFor(me(['tnt_c', 'customer', 'owner']), 'tnt_below')).toBeNull();
    expect(isActingFor(owner, 'tnt_below')).toBe(true);
    expect(isActingFor(owner, 'tnt_c')).toBe(false);
  });
});

describe('roles that tenants define', () => {
  const acting = (role: string, ...held: string[]): Acting => ({ id: 'tnt_1', kind: 'customer', role, held: new Set(held) });

  it('offer what the server says that they give', () => {
    const role = 'role_01h2xcejqtf2nbrexx3vqjhp41';
    expect(can(acting(role, 'sites.site:create'), 'sites:write')).toBe(true);
    expect(can(acting(role, 'sites.site:read'), 'sites:write')).toBe(false);
    expect(can({ id: 'tnt_1', kind: 'customer', role }, 'sites:write')).toBe(false);
    // What a customer has not got no role gives.
    expect(can(acting(role, 'tenancy.tenant:list'), 'customers:read')).toBe(false);
  });

  it('may reach down, which the server knows', () => {
    const role = 'role_01h2xcejqtf2nbrexx3vqjhp41';
    expect(roleFor(me(['tnt_r', 'reseller', role]), 'tnt_below')).toBe(role);
    expect(roleFor(me(['tnt_c', 'customer', role]), 'tnt_below')).toBe(null);
  });
});

describe('time that is left', () => {
  it('is counted in minutes, up', () => {
    const now = Date.parse('2027-01-01T00:00:00Z');
    expect(minutesLeft('2027-01-01T00:01:01Z', now)).toBe(2);
    expect(minutesLeft('2027-01-01T00:00:00Z', now)).toBe(0);
    expect(minutesLeft('2026-12-31T23:00:00Z', now)).toBe(0);
  });
});
