// Pictures of the pages of a running panel, light, dark and on a phone, and what the console said meanwhile. Variables as in lib.mjs:
// MPANEL_URL, MPANEL_SHOTS (default: shots), MPANEL_VARIANTS (names of variants, default: all), MPANEL_EMAIL and MPANEL_PASSWORD (default: the owner of the journeys), MPANEL_TOTP (its secret,
// where it has one). Arguments are names of pages. Shows the first customer, site, zone and plan that it finds; changes nothing, and says to customers that it looks.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OWNER, env, launch, logIn } from './lib.mjs';

const OUT = env.shots ?? 'shots';
const ONLY = process.argv.slice(2);
const who = { email: process.env.MPANEL_EMAIL ?? OWNER.email, password: process.env.MPANEL_PASSWORD ?? OWNER.password };
const VARIANTS = [
  ['light', 1440, 900, 'light'],
  ['dark', 1440, 900, 'dark'],
  ['tablet', 768, 1024, 'light'],
  ['phone', 360, 740, 'light'],
  ['phone-dark', 360, 740, 'dark'],
  ['rtl', 1440, 900, 'light', 'rtl'],
  ['phone-rtl', 360, 740, 'dark', 'rtl'],
].filter(([name]) => !process.env.MPANEL_VARIANTS || process.env.MPANEL_VARIANTS.split(',').includes(name));

const { browser, close } = await launch();
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  await logIn(page, who, { secret: process.env.MPANEL_TOTP ?? null });
  const storageState = await context.storageState();
  const pages = (await places(page)).filter(([name]) => ONLY.length === 0 || ONLY.includes(name));
  await context.close();
  mkdirSync(OUT, { recursive: true });
  for (const [variant, width, height, colorScheme, dir] of VARIANTS) await draw(storageState, pages, variant, { viewport: { width, height }, colorScheme }, dir);
} finally {
  await close();
}

/** Every page with something on it, by name. */
async function places(page) {
  const read = (path, tenant) =>
    page.evaluate(async ([url, id]) => (await fetch(url, { headers: id ? { 'Mpanel-Tenant': id } : {} })).json(), [`/api/v1/${path}`, tenant]);
  const own = (await read('me')).home_tenant.id;
  const customers = (await read('tenants?limit=200', own)).items ?? [];
  const owners = [...customers.filter(({ kind }) => kind === 'customer').map(({ id }) => id), own];
  // Whoever acts for a customer says why first.
  const say = { method: 'POST', headers: { 'Mpanel-CSRF': '1', 'Content-Type': 'application/json', 'Mpanel-Tenant': own }, body: JSON.stringify({ reason: 'taking screenshots', minutes: 60 }) };
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

async function draw(storageState, pages, variant, options, dir = 'ltr') {
  const context = await browser.newContext({ ...options, storageState, reducedMotion: 'reduce', locale: 'en-US' });
  await context.addInitScript((scheme) => localStorage.setItem('mantine-color-scheme-value', scheme), options.colorScheme);
  // What a translation into such a language would set.
  await context.addInitScript((to) => addEventListener('DOMContentLoaded', () => (document.documentElement.dir = to)), dir);
  const page = await context.newPage();
  page.on('pageerror', (error) => console.log(`${variant} ${page.url()}: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && console.log(`${variant} ${page.url()}: ${message.text()}`));
  for (const [name, path] of pages) {
    await page.goto(env.url + path);
    await page.getByRole('heading').first().waitFor();
    // The stream of events never lets the network become idle.
    await page.waitForTimeout(600);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) console.log(`${variant} ${name}: ${over} px too wide`);
    await page.screenshot({ path: join(OUT, `${name}-${variant}.png`), fullPage: true });
  }
  await context.close();
}
