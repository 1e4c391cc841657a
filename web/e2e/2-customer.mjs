// The customer sets a password, logs in, drops a real website, sees it live over HTTPS, publishes another and rolls back, and sets rules before it.
import { CUSTOMER, check, drop, env, journey, logIn, readState, zip } from './lib.mjs';

const BAKERY = {
  name: 'bakery.zip',
  mimeType: 'application/zip',
  buffer: zip({ 'index.html': '<!doctype html><title>Bakery</title><h1>Fresh bread</h1>', 'css/site.css': 'h1 { color: brown }' }),
};

await journey('customer', async ({ page, context, shot }) => {
  check(env.archive, 'MPANEL_ARCHIVE is not set');
  const { activation } = readState();
  await page.goto(activation);
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  check(!page.url().includes('#'), 'the activation token stays in the address bar');
  await page.getByLabel('Choose a password').fill(CUSTOMER.password);
  await shot('activate');
  await page.getByRole('button', { name: 'Set password and continue' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();

  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await logIn(page, CUSTOMER);
  check((await page.getByRole('link', { name: 'Customers' }).count()) === 0, 'a customer is offered customers');

  await page.getByRole('navigation', { name: 'Main menu' }).getByRole('link', { name: 'Sites' }).click();
  await page.getByRole('link', { name: 'Bakery', exact: true }).click();
  await drop(page, page.getByText('Drop your website here'), env.archive);
  await live(page, 1);
  await shot('live');
  const url = await page.locator('header a[target=_blank]').first().getAttribute('href');
  const shows = async (heading) => {
    const site = await context.newPage();
    const answer = await site.goto(url);
    check(answer.ok(), `the site answered ${answer.status()}`);
    check(answer.url().startsWith('https://'), `the site is at ${answer.url()}`);
    await site.getByRole('heading', { name: heading }).first().waitFor();
    return site;
  };
  const manual = await shows(/PostgreSQL .*Documentation/);
  // It is the whole of it: its links lead on.
  await manual.getByRole('link', { name: 'Preface' }).first().click();
  await manual.getByRole('heading', { name: 'Preface' }).first().waitFor();
  await manual.close();
  await page.locator('input[type=file]').setInputFiles(BAKERY);
  await live(page, 2);
  await (await shows('Fresh bread')).close();

  await page.getByRole('button', { name: 'Roll back to release 1' }).click();
  await page.getByRole('row', { name: /Release 1.*Live/ }).waitFor({ timeout: 60_000 });
  await (await shows(/PostgreSQL .*Documentation/)).close();
  await shot('rolled-back');

  await page.getByRole('link', { name: 'Delivery' }).click();
  await page.getByRole('button', { name: 'Add redirect' }).click();
  await page.getByLabel('From').fill('no slash');
  await page.getByLabel('To', { exact: true }).fill('/preface.html');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').filter({ hasText: 'nothing was changed' }).waitFor();
  await page.getByLabel('From').fill('/foreword');
  await page.getByLabel('Try a path').fill('/foreword');
  await page.getByText('Rule 1 leads to /preface.html').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Everything is saved.').waitFor();
  await shot('delivery');
  const led = await context.newPage();
  // Within a moment: the edge hears of it after the panel has said so.
  for (let tries = 0; tries < 50 && !led.url().endsWith('/preface.html'); tries += 1) await led.goto(new URL('/foreword', url).href);
  await led.getByRole('heading', { name: 'Preface' }).first().waitFor();
  await led.close();

  await page.getByRole('link', { name: 'Traffic' }).click();
  // What the web server counted arrives within seconds.
  await page.getByRole('cell', { name: /^[1-9]/ }).first().waitFor({ state: 'attached', timeout: 60_000 });
  await shot('traffic');

  await page.getByRole('button', { name: /operation/i }).first().click();
  await page.getByRole('dialog', { name: 'Operations' }).getByText('Switch the release').first().waitFor();
  await shot('operations');
});

async function live(page, release) {
  await page.getByRole('row', { name: new RegExp(`Release ${release}.*Live`) }).waitFor({ timeout: 60_000 });
  await page.getByText('Published').first().waitFor();
}
