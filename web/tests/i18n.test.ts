import { describe, expect, it } from 'vitest';
import { flatten, rich, t, tOr, type Key } from '@/i18n';
import en from '@/i18n/en';
import { sources } from './source';

const table = flatten(en);
const base = (key: string) => key.replace(/_(one|other|zero|two|few|many)$/, '');
const known = new Set([...table.keys()].map(base));
const code = sources().filter(({ path }) => /\.tsx?$/.test(path) && !path.startsWith('i18n/'));

/** Keys as they stand in code: whole, or with a part from data (`sites.domain.kind.${kind}`). */
function used() {
  const whole: string[] = [];
  const open: string[] = [];
  const contexts = Object.keys(en).join('|');
  const literal = new RegExp(`'((?:${contexts})\\.[A-Za-z0-9_.]+)'`, 'g');
  const template = new RegExp('`((?:' + contexts + ')\\.[A-Za-z0-9_.]*)\\$\\{', 'g');
  for (const { text } of code) {
    for (const [, key = ''] of text.matchAll(literal)) if (!isCode(key)) whole.push(key);
    for (const [, prefix = ''] of text.matchAll(template)) open.push(prefix);
  }
  return { whole, open };
}

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
    expect(attributes.filter((line) => !/: (https?:\/\/|www\.|example\.|404\.html)/.test(line))).toEqual([]);
  });

  it('fills in values, picks plurals and keeps what it does not know', () => {
    expect(t('identity.tokens.days', { count: 1 })).toBe('1 day');
    expect(t('identity.tokens.days', { count: 90 })).toBe('90 days');
    expect(tOr('nothing.here', 'fallback')).toBe('fallback');
    expect(t('nothing.here' as Key)).toBe('nothing.here');
    expect(rich('ui.confirm.type', { name: 'x' })).toHaveLength(3);
  });
});
