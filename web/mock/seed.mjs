const ago = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString();
const condition = (type, status, message) => ({ type, status, reason: 'Mock', message, at: ago(1) });

/** The state of the mock panel: a provider with customers and sites, or one that has just been installed. */
export function seed(demo, claimToken) {
  const root = { id: 'tnt_01root', name: demo ? 'Nordlicht Hosting' : 'Platform', kind: 'platform', slug: 'nordlicht' };
  const db = {
    root, claimed: demo, claimToken, loggedIn: demo, totpRequired: false, me: null, accounts: new Map(), activations: new Map(), uploads: new Map(),
    sessions: [], tokens: [], tenants: [], members: [], plans: [], sites: [], zones: [], operations: [], audit: [],
    nodes: [{ id: 'node_01a', name: 'fra-1', roles: ['edge', 'dns'], state: 'online', version: '0.1.0', last_seen_at: ago(0), processes: ['edge-1', 'dns-1', 'dns-2'].map((process) => ({ role: process.split('-')[0], process, epoch: 'e1', acked_seq: 4812, lag: process === 'dns-2' ? 2 : 0, last_seen_at: ago(0) })) }],
  };

  db.newDomain = ({ name, kind, target = null, status = null }) => ({
    name, kind, target, status, created_at: ago(0),
    conditions: [
      condition('dns', 'unknown', `Waiting for ${name} to lead to this server.`),
      condition('certificate', 'unknown', 'Issued as soon as the name leads here.'),
    ],
  });
  db.newSite = (id, tenant, name, domain) => {
    const slug = name.toLowerCase().replace(/\W+/g, '-');
    return {
      id, tenant, name, slug, state: 'active', url: domain ? `https://${domain}` : null, preview_url: `https://${slug}.preview.nordlicht.example`,
      status: { ready: false, summary: 'Waiting for its first upload. Visitors see a placeholder until then.', conditions: [condition('content', 'false', 'Nothing has been published yet.')] },
      domains: domain ? [db.newDomain({ name: domain, kind: 'primary' })] : [],
      active_release_id: null, settings: { spa_fallback: false, not_found_page: null, https_redirect: true, keep_releases: 5 }, disk_bytes: 0, created_at: ago(0), etag: `"${id}"`, releases: [],
    };
  };
  db.goLive = (site, release) => {
    for (const other of site.releases) if (other.state === 'active') other.state = 'ready';
    release.state = 'active';
    release.activated_at = ago(0);
    site.active_release_id = release.id;
    site.disk_bytes = site.releases.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
    site.status = { ready: true, summary: `Live over HTTPS. Release ${release.number} is served on every node.`, conditions: [condition('content', 'true', `Release ${release.number}`), condition('certificate', 'true', 'Valid for 89 days')] };
    for (const domain of site.domains) domain.conditions = [condition('dns', 'true', `${domain.name} leads to this server.`), condition('certificate', 'true', 'Valid until 21 February 2027, renewed by itself.')];
  };
  db.newZone = (id, tenant, apex) => ({
    id, tenant, apex, serial: 2026112301, nameservers: ['ns1.nordlicht.example', 'ns2.nordlicht.example'], created_at: ago(0), records: [],
    status: { ready: true, summary: 'Answered by both name servers.', conditions: [condition('zone', 'true', 'Both name servers answer with the current version.'), condition('delegation', 'unknown', `${apex} does not point to these nameservers yet.`)] },
  });
  db.certificates = (tenant) =>
    db.sites.filter((site) => site.tenant === tenant).flatMap((site) => [site.preview_url.slice(8), ...site.domains.map(({ name }) => name)]).map((name, index) => ({
      id: `cert_${index}`, names: [name], issuer: 'mPanel internal CA', state: index === 2 ? 'pending' : 'valid', not_before: ago(100), not_after: new Date(Date.now() + 88 * 864e5).toISOString(), fingerprint: '5F:1C:A0:77:9E:21:B4:0D:63:8A:52:EF:10:9B:7C:D4',
      status: { ready: true, summary: 'Valid and served.', conditions: [] },
    }));

  const release = (number, hours, state, files, bytes) => ({ id: `rel_${number}_${hours}`, number, state, files, bytes, source: { filename: `website-2026-11-${String(number).padStart(2, '0')}.zip`, sha256: 'ab'.repeat(32), size: Math.round(bytes / 3) }, note: null, created_at: ago(hours), activated_at: state === 'active' ? ago(hours) : null, created_by: 'user_01owner' });
  if (!demo) return db;

  db.me = { user: { id: 'user_01owner', email: 'ada@nordlicht.example', name: 'Ada Petersen', totp_enabled: false }, home_tenant: root, memberships: [{ tenant: root, role: 'owner' }], totp_setup_required: false };
  db.sessions = [
    { id: 'sess_1', created_at: ago(3), last_seen_at: ago(0), expires_at: ago(-300), address: '203.0.113.7', user_agent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0 Safari/537.36', current: true },
    { id: 'sess_2', created_at: ago(70), last_seen_at: ago(26), expires_at: ago(-200), address: '2001:db8:44::19', user_agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/605.1', current: false },
    { id: 'sess_3', created_at: ago(120), last_seen_at: ago(100), expires_at: ago(-100), address: '198.51.100.80', user_agent: 'Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/145.0', current: false },
  ];
  db.tokens = [
    { tenant: root.id, id: 'tok_1', name: 'deploys from CI', prefix: 'mpk_4fK9', scopes: ['sites:read', 'sites:write'], created_at: ago(500), expires_at: ago(-1600), last_used_at: ago(2) },
    { tenant: root.id, id: 'tok_2', name: 'monitoring', prefix: 'mpk_Zu2c', scopes: ['*'], created_at: ago(900), expires_at: null, last_used_at: null },
  ];
  const plan = (id, name, version, entitlements, subscribers) => ({ tenant: root.id, id, name, version, entitlements, archived: false, subscribers, created_at: ago(800), etag: '"1"', versions: Array.from({ length: version }, (_, index) => ({ version: version - index, entitlements, created_at: ago(100 + 300 * index) })) });
  db.plans = [
    plan('plan_1', 'Starter', 2, { sites: 3, domains: 5, disk_bytes: 5e9, traffic_bytes_month: 50e9 }, 2),
    plan('plan_2', 'Studio', 1, { sites: 25, domains: 60, disk_bytes: 50e9, traffic_bytes_month: 1e12 }, 1),
    plan('plan_3', 'Reseller', 1, { sites: null, domains: null, disk_bytes: 1e12, traffic_bytes_month: null }, 1),
  ];
  const tenant = (id, name, kind, planIndex, state, hours) => ({ id, parent_id: root.id, kind, name, slug: name.toLowerCase().replace(/\W+/g, '-'), state, plan: { id: db.plans[planIndex].id, name: db.plans[planIndex].name, version: db.plans[planIndex].version }, created_at: ago(hours), etag: '"1"' });
  db.tenants = [
    tenant('tnt_01bakery', 'Bäckerei Sonnenschein', 'customer', 0, 'active', 20),
    tenant('tnt_02studio', 'Studio Farbenfroh', 'customer', 1, 'active', 300),
    tenant('tnt_03tide', 'Tidewater Web', 'reseller', 2, 'active', 700),
    tenant('tnt_04late', 'Latecomer Ltd', 'customer', 0, 'suspended', 1200),
  ];
  const member = (t, n, name, email, role, state) => ({ tenant: t, user_id: `user_${n}`, name, email, role, state, created_at: ago(100) });
  db.members = [
    { ...member(root.id, 0, 'Ada Petersen', 'ada@nordlicht.example', 'owner', 'active'), user_id: 'user_01owner' },
    member(root.id, 1, 'Jonas Winter', 'jonas@nordlicht.example', 'admin', 'active'),
    member('tnt_01bakery', 2, 'Clara Sonnenschein', 'clara@sonnenschein.example', 'owner', 'active'),
    member('tnt_01bakery', 3, 'Web-Agentur Klee', 'hallo@klee.example', 'developer', 'invited'),
  ];
  for (const [index, owner] of [root.id, 'tnt_01bakery'].entries()) {
    const shop = db.newSite(`site_01shop${index}`, owner, index ? 'Bäckerei' : 'Company site', index ? 'sonnenschein.example' : 'nordlicht.example');
    shop.releases = [release(4, 5, 'failed', null, null), release(3, 24, 'active', 1406, 48_200_000), release(2, 200, 'ready', 1398, 47_900_000), release(1, 600, 'ready', 1377, 46_000_000)];
    db.goLive(shop, shop.releases[1]);
    shop.domains.push(db.newDomain({ name: `www.${shop.domains[0].name}`, kind: 'redirect', target: `https://${shop.domains[0].name}`, status: 301 }));
    const docs = db.newSite(`site_02docs${index}`, owner, 'Documentation', null);
    docs.releases = [release(1, 50, 'active', 212, 3_100_000)];
    db.goLive(docs, docs.releases[0]);
    db.sites.push(shop, docs, db.newSite(`site_03new${index}`, owner, 'Winter campaign', index ? 'winter.sonnenschein.example' : null));
    const zone = db.newZone(`zone_01${index}`, owner, shop.domains[0].name);
    const record = (n, name, type, ttl, data, managed = false) => ({ id: `rec_${index}${n}`, name, type, ttl, data, managed, etag: '"1"' });
    zone.records = [record(1, '@', 'A', 3600, '203.0.113.10', true), record(2, '@', 'AAAA', 3600, '2001:db8::10', true), record(3, 'www', 'A', 3600, '203.0.113.10', true), record(4, '@', 'MX', 3600, '10 mail.nordlicht.example.'), record(5, '@', 'TXT', 3600, '"v=spf1 mx include:_spf.mail.example include:_spf2.mail.example -all"'), record(6, 'status', 'CNAME', 300, 'status.nordlicht.example.')];
    db.zones.push(zone);
  }
  const entry = (n, hours, action, subject, before, after) => ({ tenant: root.id, id: `aud_${n}`, time: ago(hours), actor: 'user_01owner', acting_tenant: root.id, action, subject, before, after, request_id: `req_${n}`, address: '203.0.113.7' });
  db.audit = [
    entry(1, 1, 'sites.site.update', 'site_01shop0', { settings: { spa_fallback: false, keep_releases: 3 } }, { settings: { spa_fallback: true, keep_releases: 5 } }),
    entry(2, 3, 'identity.session.create', 'sess_1', null, { address: '203.0.113.7' }),
    entry(3, 24, 'sites.release.activate', 'rel_3_24', { active_release_id: 'rel_2_200' }, { active_release_id: 'rel_3_24' }),
    entry(4, 26, 'tenancy.tenant.create', 'tnt_01bakery', null, { name: 'Bäckerei Sonnenschein', kind: 'customer', plan: 'Starter' }),
    entry(5, 70, 'dns.record.delete', 'rec_0099', { name: 'old', type: 'A', data: '198.51.100.4' }, null),
  ];
  const step = (key, title, state, error = null) => ({ key, title, state, started_at: ago(5), finished_at: ago(5), error });
  db.operations = [
    { tenant: root.id, id: 'op_1', kind: 'sites.release.deploy', subject: 'site_01shop0', state: 'failed', progress: null, error: 'The archive is larger than the plan allows.', created_at: ago(5), finished_at: ago(5), steps: [step('a', 'Check the archive', 'succeeded'), step('b', 'Unpack the files', 'failed', 'The archive would need 6.2 GB; the plan leaves 1.1 GB.'), step('c', 'Make it live', 'skipped')] },
    { tenant: root.id, id: 'op_2', kind: 'sites.release.deploy', subject: 'site_01shop0', state: 'succeeded', progress: null, error: null, created_at: ago(24), finished_at: ago(24), steps: [step('a', 'Check the archive', 'succeeded'), step('b', 'Unpack the files', 'succeeded'), step('c', 'Make it live', 'succeeded')] },
  ];
  return db;
}
