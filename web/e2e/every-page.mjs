// Nobody is left out by how a page looks: every page in both colour schemes by the rules of axe, no wider than a phone in either direction of writing, and
// usable from the keyboard. Takes any running panel: MPANEL_EMAIL and MPANEL_PASSWORD say whose (default: the owner of the journeys).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { OWNER, check, env, journey, logIn } from './lib.mjs';
import { places } from './places.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const COLOURS = { type: 'rule', values: ['color-contrast'] };
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const DESKTOP = { width: 1280, height: 850 };
const PHONE = { width: 360, height: 740 };
// What stands alone, before there is a menu: it has nothing to skip.
const ALONE = ['claim', 'activate', 'forgot', 'reset', 'confirm-email', 'login', 'not-found'];

await journey('every-page', async ({ page }) => {
  const who = { email: process.env.MPANEL_EMAIL ?? OWNER.email, password: process.env.MPANEL_PASSWORD ?? OWNER.password };
  await logIn(page, who, process.env.MPANEL_PASSWORD ? { secret: null } : {});
  const wrong = [];
  // Names of pages; "over" is what lies over them.
  const only = process.argv.slice(2);
  for (const [name, path] of (await places(page)).filter(([one]) => only.length === 0 || only.includes(one))) {
    await page.setViewportSize(DESKTOP);
    await page.goto(env.url + path);
    await settled(page);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.waitForFunction((wanted) => document.documentElement.dataset.mantineColorScheme === wanted, colorScheme);
      await drawn(page);
      // The other scheme has other colours and nothing else.
      wrong.push(...(await violations(page, colorScheme === 'light' ? RULES : COLOURS)).map((what) => `${name}, ${colorScheme}: ${what}`));
    }
    if (!ALONE.includes(name)) await skips(page, name, wrong);
    await page.setViewportSize(PHONE);
    for (const dir of ['ltr', 'rtl']) {
      await page.evaluate((to) => (document.documentElement.dir = to), dir);
      await drawn(page);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) wrong.push(`${name}, ${dir}: ${over} px wider than a phone`);
    }
  }
  if (only.length === 0 || only.includes('over')) await overlays(page, wrong);
  check(wrong.length === 0, wrong.join('\n'));
});

/** What lies over the pages: keeps to the same rules, and gives the keyboard back where it came from. */
async function overlays(page, wrong) {
  await page.goto(env.url);
  await settled(page);
  const button = (name) => page.getByRole('button', { name });
  for (const [name, size, opener] of [
    ['the operations', DESKTOP, button(/operation/i)],
    ['the search', DESKTOP, button(/^Search/)],
    ['the choice of accounts', DESKTOP, button(/^Acting for/)],
    ['the own account', DESKTOP, button('Your account')],
    ['the menu', PHONE, button('Open the menu')],
  ]) {
    await page.setViewportSize(size);
    await opener.first().click();
    const over = page.locator('[role=dialog], [role=menu]').first();
    await over.waitFor();
    await drawn(page);
    // Without what is only advised: the head of a drawer would count as a second head of the page.
    wrong.push(...(await violations(page, RULES.filter((rule) => rule !== 'best-practice'))).map((what) => `${name}: ${what}`));
    await page.keyboard.press('Escape');
    await over.waitFor({ state: 'detached' });
    await drawn(page);
    if (!(await opener.first().evaluate((element) => element === document.activeElement))) wrong.push(`${name}: does not give the keyboard back`);
  }
}

/** Until nothing is being loaded any more. */
async function settled(page) {
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-label="Loading"], [aria-busy=true], .mantine-Skeleton-root') === null);
}

/** Until what has changed is on the screen, with the shortest of transitions. What turns for as long as something loads has no end. */
async function drawn(page) {
  await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    const ending = () => document.getAnimations().filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime));
    // One that ends may begin another.
    for (let left = ending(); left.length > 0; left = ending()) {
      await Promise.allSettled(left.map(({ finished }) => finished));
      await new Promise(requestAnimationFrame);
    }
  });
}

async function violations(page, rules = RULES) {
  // Not as a script of the page: its security policy forbids that, rightly.
  await page.evaluate(AXE);
  const found = await page.evaluate(async (tags) => (await globalThis.axe.run(document, { runOnly: tags })).violations.map(({ id, nodes }) => ({ id, where: nodes.map(({ target, failureSummary }) => `${target.join(' ')} (${failureSummary?.split('\n')[1]?.trim()})`) })), rules);
  return found.map(({ id, where }) => `${id}: ${where.slice(0, 3).join('; ')}`);
}

/** The first Tab leads past the menu, and what is focused shows. */
async function skips(page, name, wrong) {
  // A form that has the focus in its first field is past the menu already.
  if (await page.evaluate(() => document.activeElement !== document.body)) return undefined;
  await page.keyboard.press('Tab');
  const link = page.getByRole('link', { name: 'Skip to the page' });
  if (!(await link.evaluate((element) => element === document.activeElement))) return wrong.push(`${name}: the first Tab does not lead to the link past the menu`);
  await page.waitForFunction(() => {
    const { x, y } = document.activeElement.getBoundingClientRect();
    return x >= 0 && y >= 0;
  });
  await page.keyboard.press('Enter');
  if (!(await page.evaluate(() => document.activeElement?.id === 'content'))) wrong.push(`${name}: the link past the menu does not lead to the page`);
  return undefined;
}
