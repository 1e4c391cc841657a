// Where the pages of a running panel are.

/**
 * Every page with something on it, by name: with the first customer, site, zone and plan that a logged-in page finds. Changes nothing, and says to
 * customers that it looks.
 */
export async function places(page) {
  const read = (path, tenant) =>
    page.evaluate(async ([url, id]) => (await fetch(url, { headers: id ? { 'Mpanel-Tenant': id } : {} })).json(), [`/api/v1/${path}`, tenant]);
  const own = (await read('me')).home_tenant.id;
  const customers = (await read('tenants?limit=200', own)).items ?? [];
  const owners = [...customers.filter(({ kind }) => kind === 'customer').map(({ id }) => id), own];
  // Whoever acts for a customer says why first.
  const say = { method: 'POST', headers: { 'Mpanel-CSRF': '1', 'Content-Type': 'application/json', 'Mpanel-Tenant': own }, body: JSON.stringify({ reason: 'looking at every page', minutes: 60 }) };
  for (const { id } of customers) await page.evaluate(async ([url, init]) => void (await fetch(url, init)), [`/api/v1/tenants/${id}/assumptions`, say]);
  const firstOf = async (what) => {
    for (const tenant of owners) {
      const found = (await read(what, tenant)).items?.[0];
      if (found) return `/t/${tenant}/${what}/${found.id}`;
    }
    return null;
  };
  const [site, zone, plan] = [await firstOf('sites'), await firstOf('zones'), (await read('plans', own)).items?.[0]];
  const [role, account] = [(await read('roles', own)).items?.find(({ kind, builtin, built_in }) => !(builtin || built_in || kind === 'builtin')), (await read('service-accounts', own)).items?.[0]];
  const home = `/t/${own}`;
  const theirs = `/t/${owners[0]}`;
  return [
    ['overview', home],
    ['customers', `${home}/customers`],
    ['customer-new', `${home}/customers/new`],
    ['customer', customers[0] && `${home}/customers/${customers[0].id}`],
    ['plans', `${home}/plans`],
    ['plan-new', `${home}/plans/new`],
    ['plan', plan && `${home}/plans/${plan.id}`],
    ['members', `${theirs}/members`],
    ['roles', `${home}/roles`],
    ['role-new', `${home}/roles/new`],
    ['role', role && `${home}/roles/${role.id}`],
    ['support', `${home}/support`],
    ['customer-support', `${theirs}/support`],
    ['customer-overview', theirs],
    ['sites', `${theirs}/sites`],
    ['site-new', `${theirs}/sites/new`],
    ['site', site],
    ['site-domains', site && `${site}/domains`],
    ['site-delivery', site && `${site}/delivery`],
    ['site-traffic', site && `${site}/traffic`],
    ['site-settings', site && `${site}/settings`],
    ['zones', `${theirs}/zones`],
    ['zone-new', `${theirs}/zones/new`],
    ['zone', zone],
    ['certificates', `${theirs}/certificates`],
    ['exports', `${theirs}/exports`],
    ['audit', `${home}/audit`],
    ['background', `${home}/background`],
    ['tokens', `${home}/tokens`],
    ['token-new', `${home}/tokens/new`],
    ['service-accounts', `${home}/service-accounts`],
    ['service-account-new', `${home}/service-accounts/new`],
    ['service-account', account && `${home}/service-accounts/${account.id}`],
    ['nodes', `${home}/nodes`],
    ['sessions', `${home}/sessions`],
    ['sign-ins', `${home}/sign-ins`],
    ['profile', `${home}/profile`],
    ['not-found', '/t/tnt_01h2xcejqtf2nbrexx3vqjhp41'],
    ['claim', '/claim'],
    ['activate', '/activate'],
    ['forgot', '/forgot'],
    ['reset', '/reset'],
    ['confirm-email', '/confirm-email'],
    ['login', '/login'],
  ].filter(([, path]) => path);
}
