// Pictures of the pages of a running panel, light, dark and on a phone, and what the console said meanwhile. Variables as in lib.mjs:
// MPANEL_URL, MPANEL_SHOTS (default: shots), MPANEL_VARIANTS (names of variants, default: all), MPANEL_EMAIL and MPANEL_PASSWORD (default: the owner of the journeys), MPANEL_TOTP (its secret,
// where it has one). Arguments are names of pages. Which pages: places.mjs.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OWNER, env, launch, logIn } from './lib.mjs';
import { places } from './places.mjs';

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
