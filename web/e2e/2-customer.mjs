// The customer sets a password, logs in, uploads a website, sees it live over HTTPS, publishes again and rolls back.
import { CUSTOMER, check, journey, logIn, readState, zip } from './lib.mjs';

const website = (version) => ({
  name: `bakery-v${version}.zip`,
  mimeType: 'application/zip',
  buffer: zip({ 'index.html': `<!doctype html><title>Bakery</title><h1>Fresh bread, version ${version}</h1>`, 'css/site.css': 'h1 { color: brown }' }),
});

await journey('customer', async ({ page, context, shot }) => {
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
  await publish(page, 1);
  await shot('live');
  const url = await page.locator('header a[target=_blank]').first().getAttribute('href');
  const shows = async (version) => {
    const site = await context.newPage();
    const answer = await site.goto(url);
    check(answer.ok(), `the site answered ${answer.status()}`);
    check(answer.url().startsWith('https://'), `the site is at ${answer.url()}`);
    await site.getByRole('heading', { name: `Fresh bread, version ${version}` }).waitFor();
    await site.close();
  };
  await shows(1);
  await publish(page, 2);
  await shows(2);

  await page.getByRole('button', { name: 'Roll back to release 1' }).click();
  await page.getByRole('row', { name: /Release 1.*Live/ }).waitFor({ timeout: 60_000 });
  await shows(1);
  await shot('rolled-back');

  await page.getByRole('link', { name: 'Traffic' }).click();
  // What the web server counted arrives within seconds.
  await page.getByRole('cell', { name: /^[1-9]/ }).first().waitFor({ state: 'attached', timeout: 60_000 });
  await shot('traffic');

  await page.getByRole('button', { name: /operation/i }).first().click();
  await page.getByRole('dialog', { name: 'Operations' }).getByText('Switch the release').first().waitFor();
  await shot('operations');
});

async function publish(page, version) {
  await page.locator('input[type=file]').setInputFiles(website(version));
  await page.getByRole('row', { name: new RegExp(`Release ${version}.*Live`) }).waitFor({ timeout: 60_000 });
  await page.getByText('Published').waitFor();
}
