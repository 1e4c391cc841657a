import { describe, expect, it } from 'vitest';
import { flatten, rich, t, tOr, type Key } from '@/i18n';
import en from '@/i18n/en';
import { sources } from './source';

const table = flatten(en);
const base = (key: string) => key.replace(/_(one|other|zero|two|few|many)$/, '');
const known = new Set([...table.keys()].map(base));
const code = sources().filter(({ path }) => /\.tsx?$/.test(path) && !path.startsWith('i18n/'));

const EVERYWHERE = ['problem', 'shell', 'ui'];
const AREAS = Object.keys(en).join('|');

/** Keys as they stand in code: whole, or with a part from data (`sites.domain.kind.${kind}`). */
function used() {
  const whole = code.flatMap(({ text }) => wholeKeys(text));
  const open = code.flatMap(({ text }) => openKeys(text));
  return { whole, open };
}

const wholeKeys = (text: string) => [...text.matchAll(new RegExp(`'((?:${AREAS})\\.[A-Za-z0-9_.]+)'`, 'g'))].map(([, key = '']) => key).filter((key) => !isCode(key));
const openKeys = (text: string) => [...text.matchAll(new RegExp('`((?:' + AREAS + ')\\.[A-Za-z0-9_.]*)\\$\\{', 'g'))].map(([, prefix = '']) => prefix);
const keysOf = (text: string) => [...wholeKeys(text), ...openKeys(text)].filter((key) => known.has(key) || [...known].some((one) => key.endsWith('.') && one.startsWith(key)));

/** Names of schemas (`sites.Site`) and error codes of the API look like keys; they are not texts. */
const isCode = (key: string) => /^\w+\.[A-Z]/.test(key) || (/^(identity\.(session|claim|activation|step_up|password_reset)|tenancy\.assumption)\.(totp_required|gone|required|consent_required)$/.test(key) && !known.has(key));

describe('texts', () => {
  it('every key in code exists', () => {
    const { whole, open } = used();
    expect(whole.length).toBeGreaterThan(200);
    expect(whole.filter((key) => !known.has(key))).toEqual([]);
    // `problem.code.` holds texts for codes of the API as they become known; it may be empty.
    expect(open.filter((prefix) => prefix !== 'problem.code.' && ![...known].some((key) => key.startsWith(prefix)))).toEqual([]);
  });

  it('a feature speaks in its own words and in those that every page has', () => {
    const foreign = code.flatMap(({ path, text }) => {
      const own = /^features\/([^/]+)\//.exec(path)?.[1];
      const near = new Set([...EVERYWHERE, own]);
      return keysOf(text).filter((key) => !near.has(key.split('.')[0] ?? '')).map((key) => `${path}: ${key}`);
    });
    expect(foreign).toEqual([]);
  });

  it('every text is used', () => {
    const { whole, open } = used();
    const all = new Set(whole);
    // Plural texts are asked for by their base; the others are kept alive by a prefix.
    const unused = [...known].filter((key) => !all.has(key) && !open.some((prefix) => key.startsWith(prefix)));
    expect(unused).toEqual([]);
  });

  it('plurals have both forms', () => {
    const half = [...table.keys()].filter((key) => key.endsWith('_one') && !table.has(`${base(key)}_other`));
    expect(half).toEqual([]);
  });

  it('no text stands between tags in code', () => {
    const found = code.flatMap(({ path, text }) =>
      [...text.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)*)\s*<\//g)].map((match) => `${path}: ${match[1]}`),
    );
    expect(found).toEqual([]);
    const attributes = code.flatMap(({ path, text }) => [...text.matchAll(/\b(?:label|title|placeholder|description|aria-label)="([^"]*[a-z] ?[^"]*)"/g)].map((match) => `${path}: ${match[1]}`));
    // Example values are data, not language.
    expect(attributes.filter((line) => !/: (https?:\/\/|www\.|example\.|404\.html|app\.example|\/|X-Frame)/.test(line))).toEqual([]);
  });

  it('fills in values, picks plurals and keeps what it does not know', () => {
    expect(t('identity.tokens.days', { count: 1 })).toBe('1 day');
    expect(t('identity.tokens.days', { count: 90 })).toBe('90 days');
    expect(t('identity.tokens.days', { count: 0 })).toBe('0 days');
    expect(t('tenancy.role.usedBy', { count: 0 })).toBe('Nobody has it yet');
    expect(tOr('nothing.here', 'fallback')).toBe('fallback');
    expect(t('nothing.here' as Key)).toBe('nothing.here');
    expect(rich('ui.confirm.type', { name: 'x' })).toHaveLength(3);
  });
});
