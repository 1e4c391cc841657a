// The provider edits a zone, makes an API token, ends a session, finds it all in the audit log, changes the password and sets up a
// second factor.
import { readFileSync } from 'node:fs';
import { OWNER, check, env, journey, logIn, readState, totp } from './lib.mjs';

const NEXT_PASSWORD = 'marble orchard telegraph 9';

await journey('day-to-day', async ({ page, shot }) => {
  await logIn(page, OWNER);

  await page.getByRole('link', { name: 'DNS zones' }).first().click();
  await page.getByRole('link', { name: 'Add a zone' }).click();
  await page.getByLabel('Domain').fill('provider.example');
  await page.getByRole('button', { name: 'Add a zone' }).click();
  await page.getByRole('heading', { name: 'provider.example' }).waitFor();
  await page.getByRole('button', { name: 'Add a record' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('shop');
  await dialog.getByLabel('Value').fill('not an address');
  await dialog.getByRole('button', { name: 'Add a record' }).click();
  await dialog.locator('[aria-invalid=true]').waitFor();
  await shot('record-error');
  await dialog.getByLabel('Value').fill('203.0.113.20');
  await dialog.getByRole('button', { name: 'Add a record' }).click();
  await page.getByRole('row', { name: /shop A 203\.0\.113\.20/ }).waitFor();
  await page.getByRole('button', { name: 'Change shop A' }).click();
  await dialog.getByLabel('Value').fill('203.0.113.21');
  await dialog.getByRole('button', { name: 'Save changes' }).click();
  await page.getByRole('row', { name: /shop A 203\.0\.113\.21/ }).waitFor();
  await shot('zone');

  await page.getByRole('link', { name: 'API tokens' }).click();
  await page.getByRole('link', { name: 'Create a token' }).click();
  await page.getByLabel('Name').fill('journey');
  await page.getByLabel('Everything you may do').check();
  await page.getByRole('button', { name: 'Create a token' }).click();
  const token = (await page.getByRole('group', { name: 'Token' }).locator('pre').textContent()).trim();
  check(token.startsWith('mpk_'), 'the token does not begin with mpk_');
  await shot('token');
  await page.getByRole('link', { name: 'I have copied it' }).click();
  await page.getByRole('row', { name: /journey/ }).waitFor();
  check(!(await page.content()).includes(token), 'the token is still in the page');
  const answer = await fetch(`${env.url}/api/v1/zones`, { headers: { authorization: `Bearer ${token}` } });
  check(answer.ok, `the token was answered with ${answer.status}`);

  await otherSession();
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.getByText('This one').waitFor();
  await page.getByRole('button', { name: /^End the session/ }).first().click();
  await page.getByText('Session ended').waitFor();
  await shot('sessions');

  await page.getByRole('link', { name: 'Audit log' }).click();
  await page.getByRole('button', { name: /changed the record shop\.provider\.example A/ }).first().click();
  await page.getByRole('dialog').getByText('203.0.113.21').waitFor();
  await shot('audit');
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();

  await takesEverythingAway(page, shot);

  await page.getByRole('link', { name: 'Profile' }).click();
  await page.getByLabel('Current password', { exact: true }).fill('not this one at all');
  await page.getByLabel('New password', { exact: true }).fill(NEXT_PASSWORD);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('This is not your password').waitFor();
  await page.getByLabel('Current password', { exact: true }).fill(OWNER.password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('Password changed').waitFor();
  await shot('password');
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await logIn(page, { ...OWNER, password: NEXT_PASSWORD });
  await secondFactor(page, shot);
});

/** Makes an archive of everything, downloads it and removes it again. */
async function takesEverythingAway(page, shot) {
  await page.getByRole('link', { name: 'Take your data away' }).click();
  await page.getByText('No archives yet').waitFor();
  await shot('exports-empty');
  await page.getByLabel(/Also what the accounts below have/).check();
  check(await page.getByRole('button', { name: 'Make an archive' }).isDisabled(), 'no reason is asked for');
  await page.getByLabel('Why').fill('a copy for the safe');
  await page.getByRole('button', { name: 'Make an archive' }).click();
  const download = page.getByRole('button', { name: 'Download' });
  await download.waitFor();
  await shot('exports');
  const [archive] = await Promise.all([page.waitForEvent('download'), download.click()]);
  check(archive.suggestedFilename().endsWith('.tar.zst'), `it is called ${archive.suggestedFilename()}`);
  check(readFileSync(await archive.path()).readUInt32LE(0) === 0xfd2fb528, 'it is not compressed by Zstandard');
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('Removed').waitFor();
}

/** Sets one up, unless the first journey had to, and logs in with it. */
async function secondFactor(page, shot) {
  if (readState().totp?.[OWNER.email]) return;
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('menuitem', { name: 'Profile' }).click();
  await page.getByText('Two-step login is off.').waitFor();
  await page.getByRole('button', { name: 'Set up' }).click();
  const dialog = page.getByRole('dialog', { name: 'Two-step login' });
  await dialog.getByLabel('Password', { exact: true }).fill(NEXT_PASSWORD);
  await dialog.getByRole('button', { name: 'Continue' }).click();
  const secret = (await dialog.getByRole('group', { name: 'Key' }).locator('pre').textContent()).trim();
  await dialog.getByLabel('Code from your authenticator app').fill('000000');
  await dialog.getByRole('button', { name: 'Turn on' }).click();
  await dialog.locator('[aria-invalid=true]').waitFor();
  await dialog.getByLabel('Code from your authenticator app').fill(totp(secret));
  await dialog.getByRole('button', { name: 'Turn on' }).click();
  await dialog.getByRole('list', { name: 'Backup codes' }).getByRole('listitem').first().waitFor();
  await shot('backup-codes');
  await dialog.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('Two-step login is on.').waitFor();
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  // A code works once: the app's next one is taken as well.
  await logIn(page, { ...OWNER, password: NEXT_PASSWORD }, { secret, at: Date.now() + 30_000 });
}

/** Somebody logged in elsewhere with the same account. */
async function otherSession() {
  const secret = readState().totp?.[OWNER.email];
  const answer = await fetch(`${env.url}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'mpanel-csrf': '1', origin: env.url, 'user-agent': 'Mozilla/5.0 (Windows NT 10.0) Firefox/145.0' },
    body: JSON.stringify({ email: OWNER.email, password: OWNER.password, ...(secret ? { totp: totp(secret) } : {}) }),
  });
  check(answer.status === 201, `the other login was answered with ${answer.status}`);
}
