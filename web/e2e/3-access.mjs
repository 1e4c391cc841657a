// A forgotten password comes by mail; a provider defines a role, gives it, and proves who he is; he acts for a customer with a reason and
// leaves; all of it stands in the audit log.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CUSTOMER, OWNER, check, env, journey, logIn } from './lib.mjs';

const NEXT_PASSWORD = 'teapot meadow saffron 3';
const REASON = 'Ticket 4711: the shop shows an old page';

await journey('access', async ({ page, shot }) => {
  check(env.mail, 'MPANEL_MAIL is not set');
  await page.goto(`${env.url}/login`);
  await page.getByRole('link', { name: /forgot/i }).click();
  // The page before has a field of the same name.
  await page.getByRole('heading', { name: 'Get a new password' }).waitFor();
  await page.getByLabel('E-mail').fill(CUSTOMER.email);
  await page.getByRole('button', { name: 'Send the link' }).click();
  await page.getByRole('heading', { name: 'Look into your mail' }).waitFor();
  await page.goto(`${env.url}/reset#${await mailed(CUSTOMER.email, 'reset')}`);
  await page.getByLabel('Choose a password').fill(NEXT_PASSWORD);
  check(!page.url().includes('#'), 'the reset token stays in the address bar');
  await page.getByRole('button', { name: 'Set password and continue' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await shot('reset');
  await page.getByRole('button', { name: 'Your account' }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();

  await logIn(page, OWNER);
  const menu = page.getByRole('navigation', { name: 'Main menu' });
  await role(page, menu, shot);
  await assume(page, menu, shot);
  await audit(page, menu, shot);
});

async function role(page, menu, shot) {
  await menu.getByRole('link', { name: 'Roles' }).click();
  await page.getByRole('link', { name: 'Define a role' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('Bookkeeper');
  await page.getByRole('button', { name: /^Audit log/ }).click();
  await page.getByRole('checkbox', { name: 'See the list: Audit log', exact: true }).check();
  await askOnce(page, '**/api/v1/roles');
  await page.getByRole('button', { name: 'Define a role' }).click();
  const proof = page.getByRole('dialog', { name: 'Is it you?' });
  await proof.getByLabel('Password', { exact: true }).fill('not this one at all');
  await proof.getByRole('button', { name: 'Continue' }).click();
  await proof.getByText('This is not your password').waitFor();
  await shot('step-up');
  await proof.getByLabel('Password', { exact: true }).fill(OWNER.password);
  await proof.getByRole('button', { name: 'Continue' }).click();
  // The request was repeated: nobody has to press the button again.
  await page.getByRole('link', { name: 'Bookkeeper' }).click();
  await page.getByLabel('What it is for').fill('Reads what was done');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved: it counts').waitFor();
  await shot('role');

  await menu.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Add a member' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Berta Books');
  await dialog.getByLabel('E-mail').fill('berta@provider.example');
  await dialog.getByRole('combobox', { name: 'Role' }).click();
  await page.getByRole('option', { name: 'Bookkeeper' }).click();
  await dialog.getByRole('button', { name: 'Add a member' }).click();
  await dialog.getByRole('group', { name: 'Activation link' }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByText('berta@provider.example').first().waitFor();
  await shot('members');
}

async function assume(page, menu, shot) {
  const customer = async () => {
    await menu.getByRole('link', { name: 'Customers' }).click();
    await page.getByRole('link', { name: 'Corner Bakery' }).click();
    await page.getByRole('link', { name: 'Act for this customer' }).click();
  };
  const leave = async () => {
    await page.getByRole('button', { name: 'End now' }).click();
    await page.getByText('You no longer act for this account').first().waitFor();
    await page.getByText('You are acting for').waitFor({ state: 'detached' });
  };
  // That of the first journey is still open.
  await customer();
  await page.getByText('Setting up the first site').waitFor();
  await leave();
  await customer();
  await page.getByRole('heading', { name: 'Corner Bakery' }).waitFor();
  await page.getByLabel('Reason').fill('no');
  await page.getByRole('button', { name: 'Act for it' }).click();
  await page.getByText('Say it in 5 characters or more').waitFor();
  await page.getByLabel('Reason').fill(REASON);
  await shot('assume');
  await page.getByRole('button', { name: 'Act for it' }).click();
  await page.getByText(REASON).waitFor();
  await shot('acting');
  await leave();
}

async function audit(page, menu, shot) {
  await menu.getByRole('link', { name: 'Audit log' }).click();
  await page.getByRole('combobox', { name: 'Area' }).click();
  await page.getByRole('option', { name: 'Customers' }).click();
  await page.waitForURL(/action=tenancy/);
  const change = page.getByRole('button', { name: /changed the role Bookkeeper/ }).first();
  await change.waitFor();
  check((await page.getByRole('button', { name: /logged in$/ }).count()) === 0, 'the filter leaves other areas in');
  await change.click();
  await page.getByRole('dialog').getByText('Reads what was done').waitFor();
  await shot('audit');
}

/** Has the next POST to an address answered as if the login were long ago. */
async function askOnce(page, address) {
  let asked = false;
  await page.route(address, async (route) => {
    if (asked || route.request().method() !== 'POST') return route.fallback();
    asked = true;
    const body = JSON.stringify({ type: 'about:blank', title: 'Forbidden', status: 403, code: 'identity.step_up.required', detail: 'Prove who you are' });
    await route.fulfill({ status: 403, contentType: 'application/problem+json', body });
  });
}

/** The token of the last link to a page that was mailed to an address, once it is there. */
async function mailed(to, page) {
  const link = new RegExp(`/${page}#([\\w-]+)`);
  const until = Date.now() + 30_000;
  while (Date.now() < until) {
    const names = readdirSync(env.mail).filter((name) => name.endsWith('.eml'));
    // Names grow with time.
    for (const name of names.sort().reverse()) {
      const text = readFileSync(join(env.mail, name), 'utf8').replace(/=\r\n/g, '').replace(/=3D/g, '=');
      const found = text.includes(`To: ${to}`) && link.exec(text);
      if (found) return found[1];
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail to ${to} with a link to ${page}`);
}
