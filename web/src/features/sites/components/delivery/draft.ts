import type { Schemas } from '@/api/types';

export type Delivery = Schemas['sites.Delivery'];
export type SetDelivery = Schemas['sites.SetDelivery'];
export type CacheMode = Schemas['sites.DeliveryCache']['mode'];

export interface Redirect {
  from: string;
  to: string;
  status: number;
}

/** One field of answers: what the document groups by path is a row each here. */
export interface Header {
  path: string;
  name: string;
  /** `null` removes the field. */
  value: string | null;
}

export interface Area {
  path: string;
  realm: string;
  /** Who is known already keeps the password when none is typed. */
  users: { name: string; password: string; known: boolean }[];
}

/** A delivery as people edit it: lists of networks and addresses are lines of text. */
export interface Draft {
  answers: 'files' | 'servers';
  servers: { path: string; addresses: string; tls: boolean; ownName: boolean; sticky: boolean; checkPath: string };
  cache: { mode: CacheMode; ttl: string };
  redirects: Redirect[];
  headers: Header[];
  access: { path: string; allow: string; deny: string }[];
  rates: { path: string; per: 'client' | 'host'; requests: string; seconds: string }[];
  areas: Area[];
  maintenance: { on: boolean; title: string; text: string };
  hsts: { age: number; subdomains: boolean };
  tls: '1.2' | '1.3';
}

const lines = (text: string) =>
  text
    .split(/[\s,]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

export function toDraft(delivery: Delivery): Draft {
  const { servers, cache, maintenance, hsts, tls } = delivery;
  return {
    answers: servers ? 'servers' : 'files',
    servers: {
      path: servers?.path ?? '/',
      addresses: (servers?.addresses ?? []).map(({ address }) => address).join('\n'),
      tls: servers?.tls ?? false,
      ownName: servers?.own_name ?? false,
      sticky: servers?.sticky ?? false,
      checkPath: servers?.check_path ?? '',
    },
    cache: { mode: cache?.mode ?? 'off', ttl: cache?.default_ttl == null ? '' : String(cache.default_ttl) },
    redirects: delivery.redirects.map(({ from, to, status }) => ({ from, to, status: status ?? 301 })),
    headers: delivery.headers.flatMap(({ path, remove, set }) => [
      ...(remove ?? []).map((name) => ({ path: path ?? '/*', name, value: null })),
      ...Object.entries(set ?? {}).map(([name, value]) => ({ path: path ?? '/*', name, value })),
    ]),
    access: delivery.access.map(({ path, allow, deny }) => ({ path: path ?? '/*', allow: (allow ?? []).join('\n'), deny: (deny ?? []).join('\n') })),
    rates: delivery.rates.map(({ path, per, requests, seconds }) => ({ path: path ?? '/*', per: per ?? 'client', requests: String(requests), seconds: String(seconds) })),
    areas: delivery.areas.map(({ path, realm, users }) => ({
      path: path ?? '/*',
      realm,
      users: Object.keys(users).map((name) => ({ name, password: '', known: true })),
    })),
    maintenance: { on: maintenance != null, title: maintenance?.title ?? '', text: maintenance?.text ?? '' },
    hsts: { age: hsts?.max_age ?? -1, subdomains: hsts?.include_subdomains ?? false },
    tls: tls?.min_version ?? '1.2',
  };
}

/** The document to send; what this form does not show stays as it was. */
export function toBody(draft: Draft, was: Delivery): SetDelivery {
  const former = new Map((was.servers?.addresses ?? []).map((server) => [server.address, server]));
  const withServers = draft.answers === 'servers';
  const clients = was.tls?.client_authorities_pem ?? null;
  return {
    redirects: draft.redirects,
    headers: draft.headers.map(({ path, name, value }) => (value === null ? { path, remove: [name] } : { path, set: { [name]: value } })),
    access: draft.access.map(({ path, allow, deny }) => ({ path, allow: lines(allow), deny: lines(deny) })),
    rates: draft.rates.map(({ path, per, requests, seconds }) => ({ path, per, requests: Number(requests), seconds: Number(seconds) })),
    areas: draft.areas.map(({ path, realm, users }) => ({
      path,
      realm,
      users: Object.fromEntries(users.map(({ name, password }) => [name, password === '' ? null : password])),
    })),
    maintenance: draft.maintenance.on ? { ...was.maintenance, title: draft.maintenance.title, text: draft.maintenance.text } : null,
    hsts: draft.hsts.age < 0 ? null : { ...was.hsts, max_age: draft.hsts.age, include_subdomains: draft.hsts.subdomains },
    tls: draft.tls === '1.2' && clients === null ? null : { ...was.tls, min_version: draft.tls },
    servers: withServers
      ? {
          ...was.servers,
          path: draft.servers.path,
          addresses: lines(draft.servers.addresses).map((address) => former.get(address) ?? { address }),
          tls: draft.servers.tls,
          own_name: draft.servers.ownName,
          sticky: draft.servers.sticky,
          check_path: draft.servers.checkPath === '' ? null : draft.servers.checkPath,
        }
      : null,
    cache: withServers && draft.cache.mode !== 'off' ? { ...was.cache, mode: draft.cache.mode, default_ttl: draft.cache.ttl === '' ? null : Number(draft.cache.ttl) } : null,
  };
}

/** Where a path leads by these redirects, as the edge finds it: the first that matches. */
export function follow(redirects: Redirect[], path: string): { index: number; to: string; status: number } | null {
  for (const [index, { from, to, status }] of redirects.entries()) {
    const values = match(from, path);
    if (values) return { index, status, to: to.replace(/:([a-z_]\w*)/gi, (whole, name: string) => values[name] ?? whole) };
  }
  return null;
}

function match(pattern: string, path: string): Record<string, string> | null {
  const parts = (text: string) => text.split('/').filter((part) => part !== '');
  const [wanted, asked] = [parts(pattern), parts(path.replace(/[?#].*/, ''))];
  const values: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    if (part === '*') return { ...values, splat: asked.slice(index).join('/') };
    const found = asked[index];
    if (found === undefined) return null;
    if (part.startsWith(':')) values[part.slice(1)] = found;
    else if (part !== found) return null;
  }
  return wanted.length === asked.length ? values : null;
}
