// A provider claims the panel, makes a plan, adds a customer and a site for it, led by the checklist.
import { CUSTOMER, OWNER, check, env, journey, secureIfAsked, writeState } from './lib.mjs';

const DOMAIN = process.env.MPANEL_DOMAIN ?? 'bakery.localhost';

await journey('first-run', async ({ page, shot }) => {
  check(env.claim, 'MPANEL_CLAIM is not set');
  await page.goto(env.claim);
  await page.getByRole('heading', { name: 'Make this panel yours' }).waitFor();
  check(!page.url().includes('#'), 'the claim token stays in the address bar');
  await shot('claim');
  await page.getByLabel('Your name').fill(OWNER.name);
  await page.getByLabel('E-mail').fill(OWNER.email);
  await page.getByLabel('Choose a password').fill('short');
  await page.getByRole('button', { name: 'Claim this panel' }).click();
  await page.getByText('Use at least 12 characters').waitFor();
  await page.getByLabel('Choose a password').fill(OWNER.password);
  await page.getByRole('button', { name: 'Claim this panel' }).click();
  const secret = await secureIfAsked(page, OWNER.password);
  await page.getByRole('link', { name: 'Make a plan' }).waitFor();
  await shot('overview-empty');

  await page.getByRole('link', { name: 'Make a plan' }).click();
  await page.getByLabel('Name').fill('Starter');
  await page.getByLabel('Sites', { exact: true }).fill('5');
  await page.getByRole('button', { name: 'Make a plan' }).click();
  await page.getByRole('heading', { name: 'Starter' }).waitFor();
  await shot('plan');

  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('link', { name: 'Add a customer' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Corner Bakery');
  await page.getByRole('combobox', { name: 'Plan' }).click();
  await page.getByRole('option', { name: 'Starter' }).click();
  await page.getByLabel('Name of the owner').fill(CUSTOMER.name);
  await page.getByLabel('E-mail of the owner').fill(CUSTOMER.email);
  await page.getByRole('button', { name: 'Add a customer' }).click();
  const link = await page.getByRole('group', { name: 'Activation link' }).locator('pre').textContent();
  check(/\/activate#./.test(link), `no activation link, but ${link}`);
  await shot('customer');

  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('link', { name: 'Add a site' }).click();
  // A customer's account opens to those who say why.
  await page.getByLabel('Reason').fill('Setting up the first site');
  await page.getByRole('button', { name: 'Act for it' }).click();
  await page.getByText('You are acting for').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('Bakery');
  await page.getByLabel('Domain (optional)').fill(DOMAIN);
  await page.getByRole('button', { name: 'Add a site' }).click();
  await page.getByText('Drop your website here').waitFor();
  await page.getByText('Waiting for files').waitFor();
  await shot('site');
  writeState({ activation: new URL(link.trim()).href, domain: DOMAIN, totp: secret ? { [OWNER.email]: secret } : {} });
});
