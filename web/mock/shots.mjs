// Screenshots of every page against the mock, in both schemes and three widths, and what the console said meanwhile.
import { mkdir } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { createBackend } from './backend.mjs';
import { start } from './server.mjs';

const OUT = process.env.MPANEL_SHOTS ?? 'shots';
const ONLY = process.argv.slice(2);
const T = '/t/tnt_01root';
const click = (name, role = 'button') => (page) => page.getByRole(role, { name }).first().click();

const PAGES = [
  ['overview', T],
  ['sites', `${T}/sites`],
  ['site', `${T}/sites/site_01shop0`],
  ['site-new', `${T}/sites/site_03new0`],
  ['site-domains', `${T}/sites/site_01shop0/domains`],
  ['domain-add', `${T}/sites/site_01shop0/domains`, click('Add a domain')],
  ['site-settings', `${T}/sites/site_01shop0/settings`],
  ['site-delete', `${T}/sites/site_01shop0/settings`, click('Delete site')],
  ['sites-new', `${T}/sites/new`, click('Show API and CLI equivalent')],
  ['zones', `${T}/zones`],
  ['zone', `${T}/zones/zone_010`],
  ['record-error', `${T}/zones/zone_010`, async (page) => {
    await click('Add a record')(page);
    await page.getByLabel('Value').fill('not an address');
    await page.getByRole('dialog').getByRole('button', { name: 'Add a record' }).click();
    await page.getByText('An IPv4 address').first().waitFor();
  }],
  ['certificates', `${T}/certificates`],
  ['customers', `${T}/customers`],
  ['customer-new', `${T}/customers/new`],
  ['customer-created', `${T}/customers/new`, async (page) => {
    await page.getByLabel('Name', { exact: true }).fill('Kite & Co');
    await page.getByLabel('Name of the owner').fill('Ken Kite');
    await page.getByLabel('E-mail of the owner').fill('ken@kite.example');
    await click('Add a customer')(page);
    await page.getByText('Send this link').waitFor();
  }],
  ['customer', `${T}/customers/tnt_01bakery`],
  ['acting', '/t/tnt_01bakery'],
  ['plans', `${T}/plans`],
  ['plan-new', `${T}/plans/new`],
  ['plan', `${T}/plans/plan_1`],
  ['plan-edit', `${T}/plans/plan_3`, click('Change limits')],
  ['nodes', `${T}/nodes`],
  ['members', `${T}/members`],
  ['audit', `${T}/audit`],
  ['audit-entry', `${T}/audit`, click('Site changed')],
  ['tokens', `${T}/tokens`],
  ['token-new', `${T}/tokens/new`],
  ['sessions', `${T}/sessions`],
  ['profile', `${T}/profile`],
  ['totp', `${T}/profile`, async (page) => {
    await click('Set up')(page);
    await page.getByRole('dialog').locator('input[type=password]').fill('correct horse');
    await click('Continue')(page);
    await page.getByText('Scan this').waitFor();
  }],
  ['operations', T, async (page) => {
    await page.getByRole('button', { name: 'Operations' }).click();
    await page.getByText('would need 6.2 GB').waitFor();
  }],
  ['palette', T, (page) => page.keyboard.press('Control+k')],
  ['switcher', T, click(/Acting for/)],
  ['not-found', `${T}/nowhere`],
  ['login', '/login', null, { loggedIn: false }],
  ['claim', '/claim#claim-token', async (page) => {
    await page.getByLabel('Your name').fill('Ada Petersen');
    await page.getByLabel('Choose a password').fill('copper kettle');
  }, { claimed: false, loggedIn: false }],
  ['claim-no-link', '/claim', null, { claimed: false, loggedIn: false }],
  ['activate', '/activate#token', null, { loggedIn: false }],
];

const VARIANTS = [
  ['light-1440', 1440, 'light'],
  ['dark-1440', 1440, 'dark'],
  ['light-768', 768, 'light'],
  ['light-360', 360, 'light'],
  ['dark-360', 360, 'dark'],
].filter(([name]) => !process.env.VARIANT || process.env.VARIANT.split(',').includes(name));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
let problems = 0;
for (const [variant, width, colorScheme] of VARIANTS) {
  await mkdir(`${OUT}/${variant}`, { recursive: true });
  for (const [name, path, act, state] of PAGES) {
    if (ONLY.length && !ONLY.includes(name)) continue;
    const backend = createBackend({ demo: true });
    Object.assign(backend.db, state);
    const { server, url } = await start(backend);
    const page = await browser.newPage({ viewport: { width, height: width < 700 ? 760 : 900 }, colorScheme, reducedMotion: 'reduce' });
    const say = (text) => {
      problems += 1;
      console.log(`${variant}/${name}: ${text}`);
    };
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !/40[14]|422/.test(message.text()) && say(message.text()));
    page.on('pageerror', (error) => say(error.message));
    page.on('request', (request) => !request.url().startsWith(url) && !request.url().startsWith('data:') && say(`request to ${request.url()}`));
    try {
      await page.goto(url + path);
      await page.waitForLoadState('load');
      await page.locator('h1').waitFor();
      await page.waitForTimeout(250);
      await page.waitForFunction(() => !document.querySelector('[aria-busy=true], main .mantine-Loader-root'));
      if (act) {
        await act(page);
        await page.waitForTimeout(300);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) say(`is ${wide}px wider than the window`);
      await page.screenshot({ path: `${OUT}/${variant}/${name}.png`, fullPage: true });
    } catch (error) {
      say(error.message.split('\n')[0]);
      await page.screenshot({ path: `${OUT}/${variant}/${name}.png` });
    }
    await page.close();
    server.closeAllConnections();
    server.close();
  }
}
await browser.close();
console.log(problems ? `${problems} problems` : 'no problems');
