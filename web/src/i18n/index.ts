import type { ReactNode } from 'react';
import { Fragment, createElement } from 'react';
import type en from './en';
import problem from './en/problem.json';
import shell from './en/shell.json';
import ui from './en/ui.json';

/**
 * Texts in the i18next JSON format (nested keys, `{{name}}`, `_zero`/`_one`/`_other` plurals), read by these few lines instead of
 * a library: the panel's first load is budgeted.
 */
type Leaves<T, P extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${P}${K}` : Leaves<T[K], `${P}${K}.`>;
}[keyof T & string];
type Singular<K extends string> = K extends `${infer Base}_zero` | `${infer Base}_one` | `${infer Base}_other` ? Base : K;

/** Every key that exists; a key that does not is a type error. */
export type Key = Singular<Leaves<typeof en>>;
export type Values = Record<string, string | number>;

export const language = 'en';
const plurals = new Intl.PluralRules(language);
/** What every page speaks is there from the start, what belongs to a feature comes with its pages. */
const table = flatten({ problem, shell, ui });
const AREAS = {
  certificates: () => import('./en/certificates.json'),
  dns: () => import('./en/dns.json'),
  fleet: () => import('./en/fleet.json'),
  identity: () => import('./en/identity.json'),
  overview: () => import('./en/overview.json'),
  sites: () => import('./en/sites.json'),
  spine: () => import('./en/spine.json'),
  tenancy: () => import('./en/tenancy.json'),
} satisfies Record<Exclude<keyof typeof en, 'problem' | 'shell' | 'ui'>, () => Promise<{ default: Tree }>>;

export type Area = keyof typeof AREAS;
export const areas = Object.keys(AREAS) as Area[];

/** Before a page of the area is shown. */
export async function loadTexts(area: Area): Promise<void> {
  const { default: texts } = await AREAS[area]();
  flatten({ [area]: texts }, '', table);
}

interface Tree {
  [key: string]: string | Tree;
}

export function flatten(tree: Tree, prefix = '', into = new Map<string, string>()): Map<string, string> {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') into.set(prefix + key, value);
    else flatten(value, `${prefix}${key}.`, into);
  }
  return into;
}

function find(key: string, values?: Values): string | undefined {
  const count = values?.['count'];
  // "Nobody" says more than "0", also in languages that have no form of words for it.
  const plural = typeof count === 'number' ? ((count === 0 ? table.get(`${key}_zero`) : undefined) ?? table.get(`${key}_${plurals.select(count)}`)) : undefined;
  return plural ?? table.get(key) ?? table.get(`${key}_other`);
}

export function t(key: Key, values?: Values): string {
  return fill(find(key, values) ?? key, values);
}

/** For keys made from data, such as error codes: `fallback` when there is no text for it. */
export function tOr(key: string, fallback: string, values?: Values): string {
  const text = find(key, values);
  return text === undefined ? fallback : fill(text, values);
}

function fill(text: string, values?: Values): string {
  if (!values) return text;
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? value.toLocaleString() : (value ?? '');
  });
}

/** Like {@link t}, with elements as values: the place of a name in a sentence is the translator's decision. */
export function rich(key: Key, values: Record<string, ReactNode>): ReactNode {
  return weave(find(key) ?? key, values);
}

/** {@link rich} for the first of some keys made from data that has a text, else for `fallback`. */
export function richOr(keys: readonly string[], fallback: Key, values: Record<string, ReactNode>): ReactNode {
  const text = keys.map((key) => find(key)).find((found) => found !== undefined);
  return text === undefined ? rich(fallback, values) : weave(text, values);
}

function weave(text: string, values: Record<string, ReactNode>): ReactNode {
  const parts = text.split(/\{\{(\w+)\}\}/);
  return parts.map((part, index) => createElement(Fragment, { key: index }, index % 2 ? values[part] : part));
}
