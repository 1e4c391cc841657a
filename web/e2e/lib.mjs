// What the journeys share. They run in plain Node with Debian's Chromium against a running panel:
//   MPANEL_URL     address of the panel, for example http://127.0.0.1:7080
//   MPANEL_CLAIM   the one-time claim link (journey 1)
//   MPANEL_CA      PEM file of the authority that signs the sites' certificates (journey 2)
//   MPANEL_ARCHIVE a .zip of a real website, such as Debian's manual of PostgreSQL (journey 2)
//   MPANEL_MAIL    folder of the mails of a panel without a mail server (journey 3)
//   MPANEL_STATE   file through which the journeys hand accounts on (default: in the temporary folder)
//   MPANEL_SHOTS   folder for screenshots (none without it)
//   CHROMIUM       the browser (default: /usr/bin/chromium)
//   MPANEL_HOSTS   host-resolver rules for Chromium, for example "MAP *.example 127.0.0.1:8443"
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { chromium } from 'playwright-core';

export const env = {
  url: (process.env.MPANEL_URL ?? 'http://127.0.0.1:7080').replace(/\/$/, ''),
  claim: process.env.MPANEL_CLAIM,
  ca: process.env.MPANEL_CA,
  archive: process.env.MPANEL_ARCHIVE,
  mail: process.env.MPANEL_MAIL,
  state: process.env.MPANEL_STATE ?? join(tmpdir(), 'mpanel-e2e.json'),
  shots: process.env.MPANEL_SHOTS,
  hosts: process.env.MPANEL_HOSTS,
  chromium: process.env.CHROMIUM ?? '/usr/bin/chromium',
};

export const OWNER = { name: 'Olga Owner', email: 'olga@provider.example', password: 'lantern copper rainfall 7' };
export const CUSTOMER = { name: 'Carl Customer', email: 'carl@bakery.example', password: 'violin harbour sesame 4' };

/** Milliseconds that a journey may take: far more than any does. */
const LIMIT = 10 * 60_000;

export const readState = () => JSON.parse(readFileSync(env.state, 'utf8'));
export const writeState = (state) => writeFileSync(env.state, JSON.stringify(state, null, 2), { mode: 0o600 });

/**
 * A browser of its own. The authority is put into a fresh NSS database that only this browser reads, so that certificates
 * are really checked; nothing is ignored.
 */
export async function launch() {
  const home = mkdtempSync(join(tmpdir(), 'mpanel-e2e-'));
  if (env.ca) trust(home, env.ca);
  const browser = await chromium.launch({
    executablePath: env.chromium,
    env: { ...process.env, HOME: home },
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', ...(env.hosts ? [`--host-resolver-rules=${env.hosts}`] : [])],
  });
  const close = async () => {
    await browser.close();
    rmSync(home, { recursive: true, force: true });
  };
  return { browser, close };
}

/** Runs a journey: 0 is the exit code of one that succeeds, anything else of one that does not. */
export async function journey(name, run) {
  const { browser, close } = await launch();
  const context = await browser.newContext({ viewport: { width: 1280, height: 850 }, reducedMotion: 'reduce', locale: 'en-US' });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => /Content.Security.Policy/i.test(message.text()) && complaints.push(message.text()));
  let count = 0;
  // What runs in the page, such as a wait for its next frame, has no limit of its own.
  const hurry = setTimeout(() => {
    console.error(`not ok ${name}: it does not end\nat ${page.url().replace(/#.*/, '')}`);
    process.exit(1);
  }, LIMIT);
  const shot = async (what) => {
    if (!env.shots) return;
    mkdirSync(env.shots, { recursive: true });
    count += 1;
    // A drawer belongs to the window: a picture of the whole page would tear it off.
    const fullPage = (await page.getByRole('dialog').count()) === 0;
    await page.screenshot({ path: join(env.shots, `${name}-${String(count).padStart(2, '0')}-${what}.png`), fullPage });
  };
  try {
    await run({ page, context, browser, shot });
    if (complaints.length > 0) throw new Error(`the page complained:\n${complaints.join('\n')}`);
    console.log(`ok ${name}`);
  } catch (error) {
    await shot('failed').catch(() => undefined);
    console.error(`not ok ${name}\n${error.stack}\nat ${page.url().replace(/#.*/, '')}`);
    process.exitCode = 1;
  } finally {
    await close();
    clearTimeout(hurry);
  }
}

function trust(home, ca) {
  const database = join(home, '.pki', 'nssdb');
  mkdirSync(database, { recursive: true });
  try {
    execFileSync('certutil', ['-d', `sql:${database}`, '-N', '--empty-password']);
    execFileSync('certutil', ['-d', `sql:${database}`, '-A', '-t', 'C,,', '-n', 'mpanel', '-i', ca]);
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error('certutil is missing: install the Debian package libnss3-tools');
    throw error;
  }
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** `secret`: of the second factor; what journey 1 kept is taken when it is not given. `at`: when its app is looked at. */
export async function logIn(page, { email, password }, { secret, at = Date.now() } = {}) {
  await page.goto(`${env.url}/login`);
  await page.getByLabel('E-mail').fill(email);
  await page.locator('input[type=password]').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  const key = secret === undefined ? readState().totp?.[email] : secret;
  if (key) {
    await page.getByLabel('Code from your authenticator app').fill(totp(key, at));
    await page.getByRole('button', { name: 'Log in' }).click();
  }
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}

/** Where a second factor is required: sets it up and returns its secret, else null. */
export async function secureIfAsked(page, password) {
  await page.getByRole('heading', { name: /Overview|Protect your account/ }).waitFor();
  if (!page.url().includes('/secure')) return null;
  await page.locator('input[type=password]').fill(password);
  await page.getByRole('button', { name: 'Continue' }).click();
  const secret = (await page.getByRole('group', { name: 'Key' }).locator('pre').textContent()).trim();
  await page.getByLabel('Code from your authenticator app').fill(totp(secret));
  await page.getByRole('button', { name: 'Turn on' }).click();
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return secret;
}

/** RFC 6238 with the usual parameters: SHA-1, 6 digits, 30 seconds. */
export function totp(secret, now = Date.now()) {
  const bits = [...secret.replace(/[\s=]/g, '')].map((char) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[mac.length - 1] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Drags a file over the page and lets go of it there: Chromium itself makes the events, as it does for a person. */
export async function drop(page, target, path) {
  await target.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await target.boundingBox();
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await session.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data });
  }
  await session.detach();
}

/** A real .zip with stored (uncompressed) files. */
export function zip(files) {
  const local = [];
  const central = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const path = Buffer.from(name);
    const data = Buffer.from(text);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(0x0800, 2);
    shared.writeUInt16LE(0x21, 8);
    shared.writeUInt32LE(crc32(data), 10);
    shared.writeUInt32LE(data.length, 14);
    shared.writeUInt32LE(data.length, 18);
    shared.writeUInt16LE(path.length, 22);
    const head = Buffer.concat([Buffer.from('PK\x03\x04'), shared, path, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(0o100644 << 16 >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    const madeBy = Buffer.from([20, 3]);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, shared, tail, path]));
    local.push(head);
    offset += head.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end]);
}
