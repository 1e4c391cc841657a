import { describe, expect, it } from 'vitest';
import { toBody as purgeBody } from '@/features/sites/components/delivery/Purge';
import { follow, toBody, toDraft, type Delivery } from '@/features/sites/components/delivery/draft';

const nothing: Delivery = { redirects: [], headers: [], access: [], rates: [], areas: [], maintenance: null, hsts: null, tls: null, servers: null, cache: null, version: 0 };

describe('the delivery of a site', () => {
  it('comes back as it was when nobody changes anything', () => {
    const was: Delivery = {
      ...nothing,
      redirects: [{ from: '/a', to: '/b', status: 308 }],
      headers: [{ path: '/*', set: { 'X-A': '1' } }, { path: '/x/*', remove: ['X-B'] }],
      access: [{ path: '/*', allow: ['192.0.2.0/24'], deny: [] }],
      rates: [{ path: '/login', per: 'client', requests: 5, seconds: 60 }],
      areas: [{ path: '/*', realm: 'Staff', users: { ann: null } }],
      maintenance: { title: 'Back soon', text: 'x', retry_at: null, allow: ['192.0.2.1/32'] },
      hsts: { max_age: 300, include_subdomains: true, preload: true },
      tls: { min_version: '1.2', client_authorities_pem: 'PEM', client_optional: true },
      servers: { path: '/', addresses: [{ address: '192.0.2.1:80', weight: 3, backup: true }], balance: 'client_hash', sticky: true, check_path: '/up', tls: true, own_name: true },
      cache: { mode: 'standard', default_ttl: 60, max_ttl: null, stale_while_revalidate: 5, stale_if_error: 0, ignore_query: ['utm_*'], bypass_cookies: [], bypass_paths: [] },
      version: 7,
    };
    const { version, ...body } = was;
    expect(version).toBe(7);
    expect(toBody(toDraft(was), was)).toEqual(body);
  });

  it('loses what is switched off', () => {
    const draft = toDraft(nothing);
    expect(toBody(draft, nothing)).toEqual({ ...nothing, version: undefined });
    const servers = { ...draft, answers: 'servers' as const, servers: { ...draft.servers, addresses: ' a.example:80,\nb.example:80 ' } };
    expect(toBody(servers, nothing).servers?.addresses).toEqual([{ address: 'a.example:80' }, { address: 'b.example:80' }]);
    expect(toBody({ ...servers, answers: 'files' }, nothing).servers).toBeNull();
  });

  it('shows where a path leads', () => {
    const rules = [
      { from: '/blog/:year/*', to: '/articles/:splat?year=:year', status: 301 },
      { from: '/old/*', to: '/new/:splat', status: 302 },
      { from: '/old/here', to: '/never', status: 302 },
    ];
    expect(follow(rules, '/blog/2024/a/b?x=1')).toEqual({ index: 0, status: 301, to: '/articles/a/b?year=2024' });
    expect(follow(rules, '/old/here')?.to).toBe('/new/here');
    expect(follow(rules, '/old')?.to).toBe('/new/');
    expect(follow(rules, '/blog')).toBeNull();
  });

  it('is forgotten by addresses, what begins so, and tags', () => {
    expect(purgeBody('', true)).toEqual({ everything: true, urls: [], prefixes: [], tags: [], soft: true });
    expect(purgeBody('https://a.example/b\n https://a.example/news/* front', false)).toEqual({ everything: false, urls: ['https://a.example/b'], prefixes: ['https://a.example/news/'], tags: ['front'], soft: false });
  });
});
