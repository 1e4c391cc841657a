// A small panel in memory, for development, screenshots and tests: the same paths and shapes as openapi.json, no rules.
import { seed } from './seed.mjs';

const json = (body, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
const empty = (status = 204, headers = {}) => new Response(null, { status, headers });

export function problem(status, code, message, errors = []) {
  return new Response(JSON.stringify({ type: 'about:blank', title: message, status, code, detail: message, request_id: 'req_mock', errors }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });
}

const invalid = (pointer, code, message) => problem(422, 'validation', 'Some of this is not valid.', [{ pointer, code, message }]);
const notFound = () => problem(404, 'not_found', 'This does not exist, or you have no access to it.');
const page = (items) => json({ items, next_cursor: null });

export function createBackend({ demo = true, stepMs = 700, claimToken = 'claim-token' } = {}) {
  const db = seed(demo, claimToken);
  const listeners = new Set();
  let next = 1000;
  const id = (prefix) => `${prefix}_01mock${String(next++).padStart(8, '0')}`;
  const now = () => new Date().toISOString();
  const etag = () => `"${next++}"`;

  const emit = (type, subject) => {
    const event = { id: String(next++), type, tenant: null, subject, time: now(), data: {} };
    for (const listener of listeners) listener(event);
  };
  const audit = (ctx, action, subject, before, after) => {
    db.audit.unshift({ id: id('aud'), time: now(), actor: db.me?.user.id ?? 'user_system', acting_tenant: ctx.tenant, action, subject, before, after, request_id: id('req'), address: '203.0.113.7', tenant: ctx.tenant });
  };
  const find = (list, value) => list.find((item) => item.id === value);
  const own = (list, ctx) => list.filter((item) => item.tenant === ctx.tenant);
  const strip = ({ tenant: _tenant, ...item }) => item;

  function startOperation(ctx, kind, subject, titles, finish, fails) {
    const operation = {
      id: id('op'), kind, subject, state: 'running', progress: null, error: null, created_at: now(), finished_at: null, tenant: ctx.tenant,
      steps: titles.map((title, index) => ({ key: String(index), title, state: index === 0 ? 'running' : 'pending', started_at: null, finished_at: null, error: null })),
    };
    db.operations.unshift(operation);
    let index = 0;
    const advance = () => {
      const step = operation.steps[index];
      if (fails && index === 1) {
        step.state = 'failed';
        step.error = fails;
        Object.assign(operation, { state: 'failed', error: fails, finished_at: now(), progress: null });
        finish(false);
        return emit('operations.operation.failed.v1', operation.id);
      }
      Object.assign(step, { state: 'succeeded', finished_at: now() });
      index += 1;
      if (index < operation.steps.length) {
        operation.steps[index].state = 'running';
        operation.progress = index === 1 ? { done: 812, total: 1406, unit: 'files' } : null;
        setTimeout(advance, stepMs).unref?.();
      } else {
        Object.assign(operation, { state: 'succeeded', finished_at: now(), progress: null });
        finish(true);
      }
      emit('operations.operation.progressed.v1', operation.id);
    };
    setTimeout(advance, stepMs).unref?.();
    return operation;
  }

  const routes = [];
  const on = (method, path, handler, open = false) => {
    const pattern = new RegExp(`^/api/v1${path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
    routes.push({ method, pattern, handler, open });
  };

  // identity
  on('GET', '/setup', () => json({ claimed: db.claimed, claim_required: !db.claimed, rootless: true, version: '0.1.0' }), true);
  on('POST', '/claim', (ctx) => {
    const { token, email, name, password } = ctx.body;
    if (db.claimed || token !== claimToken) return problem(410, 'identity.claim.expired', 'This claim link is no longer valid.');
    if (password.includes('password')) return invalid('/password', 'identity.password.common', 'This password is among the most used ones.');
    db.claimed = true;
    db.loggedIn = true;
    db.me = { user: { id: 'user_01owner', email, name, totp_enabled: false }, home_tenant: db.root, memberships: [{ tenant: db.root, role: 'owner' }], totp_setup_required: db.totpRequired };
    db.accounts.set(email, db.me);
    db.sessions.push({ id: id('sess'), created_at: now(), last_seen_at: now(), expires_at: now(), address: '203.0.113.7', user_agent: ctx.request.headers.get('user-agent'), current: true });
    return json(db.me, 201);
  }, true);
  on('POST', '/activations', (ctx) => {
    const activation = db.activations.get(ctx.body.token);
    if (!activation) return problem(410, 'identity.activation.expired', 'gone');
    db.activations.delete(ctx.body.token);
    db.me = activation;
    db.accounts.set(activation.user.email, activation);
    db.loggedIn = true;
    return json(db.me, 201);
  }, true);
  on('POST', '/sessions', (ctx) => {
    const { email, password, totp } = ctx.body;
    if (password === 'wrong' || !email) return problem(401, 'identity.session.invalid_credentials', 'E-mail or password is wrong.');
    if (email.startsWith('totp') && !totp) return problem(401, 'identity.session.totp_required', 'A code is needed.');
    db.me = db.accounts.get(email) ?? db.me;
    db.loggedIn = true;
    return json(db.me, 201);
  }, true);
  on('DELETE', '/sessions/current', () => ((db.loggedIn = false), empty()));
  on('GET', '/sessions', () => page(db.sessions));
  on('DELETE', '/sessions/{id}', (ctx) => {
    db.sessions = db.sessions.filter((session) => session.id !== ctx.params.id);
    return empty();
  });
  on('GET', '/me', () => json(db.me));
  on('POST', '/me/totp', (ctx) =>
    ctx.body.password === 'wrong'
      ? invalid('/password', 'identity.password.wrong', 'This is not your password.')
      : json({ secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', otpauth_uri: 'otpauth://totp/mPanel:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=mPanel&algorithm=SHA1&digits=6&period=30' }));
  on('POST', '/me/totp/confirm', (ctx) => {
    if (ctx.body.code === '000000') return invalid('/code', 'identity.totp.wrong_code', 'This code is not right. Codes change every 30 seconds.');
    db.me = { ...db.me, totp_setup_required: false, user: { ...db.me.user, totp_enabled: true } };
    return json({ backup_codes: ['k7qm-2xvp', '9hdt-4wzc', 'p3nf-8rjy', 'w6bk-5tgs', 'm2xd-7qhv', 'c8zr-3ypn', 't5gw-6fjk', 'v4sh-9bmd'] });
  });
  on('DELETE', '/me/totp', () => {
    db.me = { ...db.me, user: { ...db.me.user, totp_enabled: false } };
    return empty();
  });
  on('GET', '/api-tokens', (ctx) => page(own(db.tokens, ctx).map(strip)));
  on('POST', '/api-tokens', (ctx) => {
    const token = { id: id('tok'), name: ctx.body.name, prefix: 'mpk_7Qx2', scopes: ctx.body.scopes, created_at: now(), expires_at: ctx.body.expires_at, last_used_at: null };
    db.tokens.unshift({ ...token, tenant: ctx.tenant });
    audit(ctx, 'identity.token.create', token.id, null, { name: token.name, scopes: token.scopes });
    return json({ ...token, token: 'mpk_7Qx2vTn8RkWc5LdYb3HsJf6MzPaEgU9t' }, 201);
  });
  on('DELETE', '/api-tokens/{id}', (ctx) => {
    db.tokens = db.tokens.filter((token) => token.id !== ctx.params.id);
    return empty();
  });

  // tenancy
  on('GET', '/tenants', (ctx) => {
    const search = (ctx.query.get('filter[search]') ?? '').toLowerCase();
    return page(db.tenants.filter((tenant) => tenant.parent_id === ctx.tenant && `${tenant.name} ${tenant.slug}`.toLowerCase().includes(search)));
  });
  on('POST', '/tenants', (ctx) => {
    const { name, kind, plan_id, owner } = ctx.body;
    if (owner?.email === 'taken@example.com') return invalid('/owner/email', 'identity.user.taken', 'Somebody with this e-mail has an account already.');
    const plan = find(db.plans, plan_id);
    if (plan) plan.subscribers += 1;
    const tenant = { id: id('tnt'), parent_id: ctx.tenant, kind, name, slug: name.toLowerCase().replace(/\W+/g, '-'), state: 'active', plan: plan ? { id: plan.id, name: plan.name, version: plan.version } : null, created_at: now(), etag: etag() };
    db.tenants.unshift(tenant);
    const token = id('act');
    const ref = { id: tenant.id, name, kind, slug: tenant.slug };
    db.activations.set(token, { user: { id: id('user'), email: owner.email, name: owner.name, totp_enabled: false }, home_tenant: ref, memberships: [{ tenant: ref, role: 'owner' }], totp_setup_required: false });
    db.members.push({ tenant: tenant.id, user_id: id('user'), email: owner.email, name: owner.name, role: 'owner', state: 'invited', created_at: now() });
    audit(ctx, 'tenancy.tenant.create', tenant.id, null, { name, kind });
    return json({ tenant, activation: { url_path: `/activate#${token}`, expires_at: new Date(Date.now() + 7 * 864e5).toISOString() } }, 201);
  });
  const tenantOr404 = (ctx, run) => {
    const all = [{ ...db.root, parent_id: null, state: 'active', plan: null, created_at: now(), etag: '"1"' }, ...db.tenants];
    const tenant = find(all, ctx.params.id);
    return tenant ? run(tenant) : notFound();
  };
  on('GET', '/tenants/{id}', (ctx) => tenantOr404(ctx, (tenant) => json(tenant)));
  on('PATCH', '/tenants/{id}', (ctx) => tenantOr404(ctx, (tenant) => {
    audit(ctx, 'tenancy.tenant.update', tenant.id, { state: tenant.state }, { state: ctx.body.state });
    return json(Object.assign(tenant, ctx.body, { etag: etag() }));
  }));
  on('GET', '/tenants/{id}/usage', (ctx) => tenantOr404(ctx, (tenant) => {
    const limits = find(db.plans, tenant.plan?.id)?.entitlements ?? {};
    const sites = db.sites.filter((site) => site.tenant === tenant.id);
    const used = { sites: sites.length, domains: sites.flatMap((site) => site.domains).length, disk_bytes: sites.reduce((sum, site) => sum + site.disk_bytes, 0), traffic_bytes_month: sites.length * 31_400_000_000 };
    return json({ items: Object.entries(used).map(([key, value]) => ({ key, kind: key.includes('bytes') ? 'bytes' : 'count', used: value, limit: limits[key] ?? null, unit: key.includes('bytes') ? 'byte' : 'count' })) });
  }));
  on('PUT', '/tenants/{id}/subscription', (ctx) => tenantOr404(ctx, (tenant) => {
    const plan = find(db.plans, ctx.body.plan_id);
    tenant.plan = { id: plan.id, name: plan.name, version: plan.version };
    return json({ plan: tenant.plan, entitlements: plan.entitlements, overrides: {} });
  }));
  on('GET', '/tenants/{id}/members', (ctx) => page(db.members.filter((member) => member.tenant === ctx.params.id).map(strip)));
  on('POST', '/tenants/{id}/members', (ctx) => {
    const member = { user_id: id('user'), ...ctx.body, state: 'invited', created_at: now() };
    db.members.push({ ...member, tenant: ctx.params.id });
    return json({ member, activation: { url_path: `/activate#${id('act')}`, expires_at: new Date(Date.now() + 7 * 864e5).toISOString() } }, 201);
  });
  on('DELETE', '/tenants/{id}/members/{user_id}', (ctx) => {
    db.members = db.members.filter((member) => member.user_id !== ctx.params.user_id);
    return empty();
  });
  on('GET', '/plans', (ctx) => page(own(db.plans, ctx).map(({ tenant: _t, versions: _v, ...plan }) => plan)));
  on('POST', '/plans', (ctx) => {
    if (db.plans.some((plan) => plan.name === ctx.body.name)) return problem(409, 'tenancy.plan.name_taken', 'There is a plan of this name already.', [{ pointer: '/name', code: 'tenancy.plan.name_taken', message: 'There is a plan of this name already.' }]);
    const plan = { id: id('plan'), version: 1, archived: false, subscribers: 0, created_at: now(), etag: etag(), ...ctx.body };
    db.plans.push({ ...plan, tenant: ctx.tenant, versions: [{ version: 1, entitlements: plan.entitlements, created_at: now() }] });
    audit(ctx, 'tenancy.plan.create', plan.id, null, { name: plan.name });
    return json(plan, 201);
  });
  on('GET', '/plans/{id}', (ctx) => (find(db.plans, ctx.params.id) ? json(strip(find(db.plans, ctx.params.id))) : notFound()));
  on('PATCH', '/plans/{id}', (ctx) => json(strip(Object.assign(find(db.plans, ctx.params.id), ctx.body))));
  on('POST', '/plans/{id}/versions', (ctx) => {
    const plan = find(db.plans, ctx.params.id);
    plan.version += 1;
    plan.entitlements = ctx.body.entitlements;
    plan.versions.unshift({ version: plan.version, entitlements: plan.entitlements, created_at: now() });
    return json(strip(plan), 201);
  });
  on('GET', '/nodes', () => page(db.nodes));

  // sites
  const siteOr404 = (ctx, run) => {
    const site = db.sites.find((one) => one.id === ctx.params.id && one.tenant === ctx.tenant);
    return site ? run(site) : notFound();
  };
  const view = ({ tenant: _t, releases: _r, ...site }) => site;
  on('GET', '/sites', (ctx) => page(own(db.sites, ctx).map(view)));
  on('POST', '/sites', (ctx) => {
    const { name, domain } = ctx.body;
    if (domain === 'taken.example') return problem(409, 'names.taken', 'This domain is in use already.', [{ pointer: '/domain', code: 'names.taken', message: 'This domain is in use already.' }]);
    const site = db.newSite(id('site'), ctx.tenant, name, domain);
    db.sites.unshift(site);
    audit(ctx, 'sites.site.create', site.id, null, { name, domain });
    emit('sites.site.created.v1', site.id);
    return json(view(site), 201);
  });
  on('GET', '/sites/{id}', (ctx) => siteOr404(ctx, (site) => json(view(site))));
  on('PATCH', '/sites/{id}', (ctx) => siteOr404(ctx, (site) => {
    if (ctx.body.settings?.not_found_page?.includes('..')) return invalid('/settings/not_found_page', 'sites.path.invalid', 'A path inside the site, without “..”.');
    audit(ctx, 'sites.site.update', site.id, { name: site.name, settings: site.settings }, { ...ctx.body });
    site.settings = { ...site.settings, ...ctx.body.settings };
    site.name = ctx.body.name ?? site.name;
    site.etag = etag();
    return json(view(site));
  }));
  on('DELETE', '/sites/{id}', (ctx) => siteOr404(ctx, (site) => {
    site.state = 'deleting';
    const operation = startOperation(ctx, 'sites.site.delete', site.id, ['Stop serving it', 'Remove the files', 'Free its domains'], () => {
      db.sites = db.sites.filter((one) => one !== site);
      emit('sites.site.deleted.v1', site.id);
    });
    return json({ operation_id: operation.id }, 202);
  }));
  on('GET', '/sites/{id}/domains', (ctx) => siteOr404(ctx, (site) => page(site.domains)));
  on('POST', '/sites/{id}/domains', (ctx) => siteOr404(ctx, (site) => {
    if (ctx.body.name === 'taken.example') return problem(409, 'names.taken', 'This domain is in use already.', [{ pointer: '/name', code: 'names.taken', message: 'This domain is in use already.' }]);
    const domain = db.newDomain(ctx.body);
    site.domains.push(domain);
    emit('sites.domain.added.v1', site.id);
    return json(domain, 201);
  }));
  on('DELETE', '/sites/{id}/domains/{name}', (ctx) => siteOr404(ctx, (site) => {
    site.domains = site.domains.filter((domain) => domain.name !== ctx.params.name);
    return empty();
  }));
  on('POST', '/sites/{id}/uploads', (ctx) => siteOr404(ctx, () => {
    const upload = { id: id('upl'), filename: ctx.body.filename, size: ctx.body.size, offset: 0, state: 'open' };
    db.uploads.set(upload.id, upload);
    return json(upload, 201);
  }));
  on('GET', '/sites/{id}/uploads/{upload}', (ctx) => (db.uploads.has(ctx.params.upload) ? json(db.uploads.get(ctx.params.upload)) : notFound()));
  on('PATCH', '/sites/{id}/uploads/{upload}', async (ctx) => {
    const upload = db.uploads.get(ctx.params.upload);
    if (!upload) return notFound();
    if (Number(ctx.request.headers.get('upload-offset')) !== upload.offset) return problem(409, 'sites.upload.offset', 'The upload is elsewhere.');
    upload.offset += ctx.bytes.byteLength;
    if (upload.offset === upload.size) upload.state = 'complete';
    return empty(204, { 'Upload-Offset': String(upload.offset) });
  });
  on('GET', '/sites/{id}/releases', (ctx) => siteOr404(ctx, (site) => page(site.releases)));
  on('POST', '/sites/{id}/releases', (ctx) => siteOr404(ctx, (site) => {
    const upload = db.uploads.get(ctx.body.upload_id);
    const release = { id: id('rel'), number: (site.releases[0]?.number ?? 0) + 1, state: 'unpacking', files: null, bytes: null, source: { filename: upload.filename, sha256: null, size: upload.size }, note: ctx.body.note ?? null, created_at: now(), activated_at: null, created_by: db.me.user.id };
    site.releases.unshift(release);
    const fails = upload.filename.includes('broken') ? 'The archive holds “../../etc/passwd”, which lies outside of the site.' : null;
    const operation = startOperation(ctx, 'sites.release.deploy', site.id, ['Check the archive', 'Unpack the files', 'Make it live', 'Wait for every node to serve it'], (ok) => {
      Object.assign(release, ok ? { state: 'ready', files: 1406, bytes: Math.max(upload.size * 2, 1), activated_at: ctx.body.activate ? now() : null } : { state: 'failed' });
      if (ok && ctx.body.activate !== false) db.goLive(site, release);
      emit('sites.release.activated.v1', site.id);
    }, fails);
    audit(ctx, 'sites.release.create', release.id, null, { site: site.id, number: release.number });
    return json({ operation_id: operation.id, release_id: release.id }, 202);
  }));
  on('POST', '/sites/{id}/releases/{release}/activate', (ctx) => siteOr404(ctx, (site) => {
    const release = find(site.releases, ctx.params.release);
    const operation = startOperation(ctx, 'sites.release.activate', site.id, ['Switch to the release', 'Wait for every node to serve it'], () => {
      audit(ctx, 'sites.release.activate', release.id, { active_release_id: site.active_release_id }, { active_release_id: release.id });
      db.goLive(site, release);
      emit('sites.release.activated.v1', site.id);
    });
    return json({ operation_id: operation.id }, 202);
  }));
  on('DELETE', '/sites/{id}/releases/{release}', (ctx) => siteOr404(ctx, (site) => {
    const operation = startOperation(ctx, 'sites.release.delete', site.id, ['Remove the files'], () => {
      site.releases = site.releases.filter((release) => release.id !== ctx.params.release);
      emit('sites.release.deleted.v1', site.id);
    });
    return json({ operation_id: operation.id }, 202);
  }));

  // dns
  const zoneOr404 = (ctx, run) => {
    const zone = db.zones.find((one) => one.id === ctx.params.id && one.tenant === ctx.tenant);
    return zone ? run(zone) : notFound();
  };
  const zoneView = ({ tenant: _t, records, ...zone }) => ({ ...zone, record_count: records.length });
  on('GET', '/zones', (ctx) => page(own(db.zones, ctx).map(zoneView)));
  on('POST', '/zones', (ctx) => {
    if (ctx.body.apex === 'taken.example') return invalid('/apex', 'names.taken', 'This domain is in use already.');
    const zone = db.newZone(id('zone'), ctx.tenant, ctx.body.apex);
    db.zones.push(zone);
    audit(ctx, 'dns.zone.create', zone.id, null, { apex: zone.apex });
    return json(zoneView(zone), 201);
  });
  on('GET', '/zones/{id}', (ctx) => zoneOr404(ctx, (zone) => json(zoneView(zone))));
  on('DELETE', '/zones/{id}', (ctx) => {
    db.zones = db.zones.filter((zone) => zone.id !== ctx.params.id);
    return empty();
  });
  const checkRecord = ({ type, data }) => (type === 'A' && !/^(\d{1,3}\.){3}\d{1,3}$/.test(data) ? invalid('/data', 'dns.record.data', 'An IPv4 address, for example 203.0.113.10.') : null);
  on('GET', '/zones/{id}/records', (ctx) => zoneOr404(ctx, (zone) => page(zone.records)));
  on('POST', '/zones/{id}/records', (ctx) => zoneOr404(ctx, (zone) => {
    const bad = checkRecord(ctx.body);
    if (bad) return bad;
    const record = { id: id('rec'), managed: false, etag: etag(), ...ctx.body };
    zone.records.push(record);
    zone.serial += 1;
    audit(ctx, 'dns.record.create', record.id, null, ctx.body);
    return json(record, 201);
  }));
  on('PATCH', '/zones/{id}/records/{record}', (ctx) => zoneOr404(ctx, (zone) => {
    const record = find(zone.records, ctx.params.record);
    const bad = checkRecord({ ...record, ...ctx.body });
    if (bad) return bad;
    audit(ctx, 'dns.record.update', record.id, { name: record.name, ttl: record.ttl, data: record.data }, ctx.body);
    zone.serial += 1;
    return json(Object.assign(record, ctx.body, { etag: etag() }));
  }));
  on('DELETE', '/zones/{id}/records/{record}', (ctx) => zoneOr404(ctx, (zone) => {
    zone.records = zone.records.filter((record) => record.id !== ctx.params.record);
    return empty();
  }));
  on('GET', '/certificates', (ctx) => page(db.certificates(ctx.tenant)));

  // spine
  on('GET', '/operations', (ctx) => page(own(db.operations, ctx).map(strip)));
  on('GET', '/operations/{id}', (ctx) => (find(db.operations, ctx.params.id) ? json(strip(find(db.operations, ctx.params.id))) : notFound()));
  on('POST', '/operations/{id}/cancel', (ctx) => json(strip(Object.assign(find(db.operations, ctx.params.id), { state: 'cancelled', finished_at: now() })), 202));
  on('GET', '/audit', (ctx) => {
    const matches = (entry) => ['subject', 'actor', 'action'].every((field) => !ctx.query.get(`filter[${field}]`) || entry[field] === ctx.query.get(`filter[${field}]`));
    return page(own(db.audit, ctx).filter(matches).map(strip));
  });

  async function handle(request) {
    const url = new URL(request.url);
    for (const { method, pattern, handler, open } of routes) {
      const match = method === request.method && pattern.exec(url.pathname);
      if (!match) continue;
      if (!open && !db.loggedIn) return problem(401, 'unauthenticated', 'Log in.');
      const bytes = request.method === 'GET' ? new ArrayBuffer(0) : await request.arrayBuffer();
      const isJson = (request.headers.get('content-type') ?? '').includes('json') && bytes.byteLength > 0;
      const params = Object.fromEntries(Object.entries(match.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)]));
      return handler({ request, params, query: url.searchParams, bytes, body: isJson ? JSON.parse(new TextDecoder().decode(bytes)) : {}, tenant: request.headers.get('mpanel-tenant') ?? db.root.id });
    }
    return notFound();
  }
  return { handle, db, subscribe: (listener) => (listeners.add(listener), () => listeners.delete(listener)) };
}
