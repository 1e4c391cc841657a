import { describe, expect, it } from 'vitest';
import { eventType, stalePaths } from '@/api/events';
import { problemToError } from '@/api/problem';
import { checklist } from '@/features/overview/components/checklist';
import { device } from '@/features/identity/components/device';
import { presetsFor } from '@/features/identity/components/scopes';
import { strength } from '@/features/identity/components/strength';
import { countBelow } from '@/features/tenancy/components/EndCustomer';
import { rolesFor } from '@/features/tenancy/components/roles';
import { bars, dayName } from '@/features/sites/components/traffic';
import { joinUnit, splitUnit } from '@/features/tenancy/components/units';
import { zoneOf } from '@/features/sites/components/zoneOf';
import { cliCommand, curlCommand, shellQuote } from '@/ui/ApiPanel';
import { errorText } from '@/ui/feedback';
import { bytes, duration, quantity, sentence } from '@/ui/format';
import { tenantPaths } from '@/ui/paths';

describe('events', () => {
  it('say what has become stale, and nothing else', () => {
    expect(stalePaths('sites.release.activated.v1')).toContain('/api/v1/sites');
    expect(stalePaths('unknown.thing.v1')).toEqual([]);
    expect(eventType('{"type":"sites.site.created.v1","data":{}}')).toBe('sites.site.created.v1');
    expect(eventType('no json')).toBeNull();
  });
});

describe('API and CLI equivalents', () => {
  it('quote what a shell would read otherwise', () => {
    expect(shellQuote('plain-1.example')).toBe('plain-1.example');
    expect(shellQuote("it's $HOME; rm")).toBe(`'it'\\''s $HOME; rm'`);
    expect(cliCommand('tnt_1', ['site', 'create', 'My site'])).toBe("mpanel site create 'My site' --tenant tnt_1");
    expect(curlCommand('http://h', 'tnt_1', { method: 'POST', path: '/api/v1/sites', body: { name: "a'b" }, cli: [] })).toContain(`'{"name":"a'\\''b"}'`);
  });
});

describe('amounts', () => {
  it('are shown as people say them', () => {
    expect(bytes(0)).toBe('0 B');
    expect(bytes(48_200_000)).toBe('48.2 MB');
    expect(bytes(999_999)).toBe('1 MB');
    expect(quantity(null, 'bytes')).toBe('unlimited');
  });

  it('of time are whole numbers of the largest unit that fits', () => {
    expect([300, 3600, 86_400, 90, 5400].map(duration)).toEqual(['5 minutes', '1 hour', '1 day', '90 seconds', '90 minutes']);
  });

  it('keep their value through number and unit', () => {
    for (const value of [0, 500e6, 10e9, 1e12, 1_500e6]) {
      const { number, unit } = splitUnit(value);
      expect(joinUnit(number, unit)).toBe(value);
    }
    expect(splitUnit(10e9)).toEqual({ number: 10, unit: 'GB' });
  });
});

describe('texts of the server', () => {
  it('are sentences, in which names stay as they are written', () => {
    expect(sentence('there is a zone for this name already')).toBe('There is a zone for this name already');
    expect(sentence('shop.example is a domain of one of your sites already')).toBe('shop.example is a domain of one of your sites already');
  });

  it('say what to do about a limit', () => {
    const error = problemToError({ code: 'tenancy.entitlement.exceeded', detail: "the plan's limit for sites is reached: 3 of 3 are in use" }, 402);
    expect(errorText(error)).toBe("The plan's limit for sites is reached: 3 of 3 are in use. Remove what is not needed any more, or ask for a larger plan.");
  });
});

describe('password strength', () => {
  it.each([
    ['short', 0],
    ['aaaaaaaaaaaaaa', 1],
    ['ada.petersen.99', 1],
    ['password123456', 1],
    ['kettlecopper', 2],
    ['copper kettle rains often', 3],
  ])('%s is %i', (password, level) => expect(strength(password, ['Ada Petersen'])).toBe(level));

  it('is measured by what the account needs', () => {
    expect(strength('rain-Kettle', [], 8)).toBe(2);
    expect(strength('rain-Kettle', [], 12)).toBe(0);
  });
});

describe('roles', () => {
  it('owners are made by owners only', () => {
    expect(rolesFor('owner')).toContain('owner');
    expect(rolesFor('admin')).toEqual(['admin', 'developer', 'viewer']);
    expect(rolesFor(null)).not.toContain('owner');
  });
});

describe('the picture of traffic', () => {
  const answers = { informational: 0, success: 3, redirect: 0, client_error: 0, server_error: 0 };
  const day = (name: string, bytes_out: number) => ({ day: name, bytes_out, bytes_in: 0, requests: 3, answers });

  it('draws each day as a part of the highest', () => {
    expect(bars([day('2026-11-22', 50), day('2026-11-23', 200)], 'bytes_out').map(({ share }) => share)).toEqual([0.25, 1]);
    expect(bars([day('2026-11-22', 0)], 'bytes_in')).toEqual([{ day: '2026-11-22', value: 0, share: 0 }]);
  });

  it('names days as the server counts them, whatever the zone of the viewer', () => {
    expect(dayName('2026-11-01')).toMatch(/\b1\b/);
  });
});

describe('accounts below an account', () => {
  it('are counted at any depth', () => {
    const tenants = [
      { id: 'a', parent_id: 'top' },
      { id: 'b', parent_id: 'a' },
      { id: 'c', parent_id: 'b' },
      { id: 'd', parent_id: 'top' },
    ];
    expect(countBelow(tenants, 'a')).toBe(2);
    expect(countBelow(tenants, 'd')).toBe(0);
  });
});

describe('what a token may do', () => {
  it('offers nobody below to those who have nobody below', () => {
    const offered = (kind: 'reseller' | 'customer') => presetsFor(kind).map(({ id }) => id);
    expect(offered('reseller')).toContain('below');
    expect(offered('customer')).not.toContain('below');
    expect(offered('customer')).not.toContain('*');
  });
});

describe('small helpers', () => {
  it('the zone of a name is the closest one', () => {
    const zones = [{ apex: 'example.com' }, { apex: 'shop.example.com' }];
    expect(zoneOf('www.shop.example.com', zones)?.apex).toBe('shop.example.com');
    expect(zoneOf('notexample.com', zones)).toBeUndefined();
  });

  it('devices have names', () => {
    expect(device({ browser: 'Chrome', system: 'Linux' })).toBe('Chrome on Linux');
    expect(device({ browser: null, system: 'Linux' })).toBe('Linux');
    expect(device({ browser: null, system: null })).toBe('Unknown device');
  });

  it('the checklist leads a provider to his customer and a customer to the site', () => {
    const paths = tenantPaths('tnt_p');
    const theirs = tenantPaths('tnt_c');
    const provider = checklist({ kind: 'platform', plans: 1, customers: 1, sites: [], theirs: { sites: 0, bytes: 0 }, sitePaths: theirs }, paths);
    expect(provider.map(({ done }) => done)).toEqual([true, true, false, false]);
    expect(provider.find(({ done }) => !done)?.to).toBe('/t/tnt_c/sites/new');
    const served = { sites: 3, bytes: 10 };
    expect(checklist({ kind: 'platform', plans: 1, customers: 1, sites: [], theirs: served, sitePaths: theirs }, paths).every(({ done }) => done)).toBe(true);
    const site = { id: 'site_1', active_release_id: 'rel_1', status: { ready: true } };
    expect(checklist({ kind: 'customer', plans: 0, customers: 0, sites: [site], sitePaths: theirs }, theirs).every(({ done }) => done)).toBe(true);
  });
});
