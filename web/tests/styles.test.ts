import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sources } from './source';

const PACKAGE = resolve(import.meta.dirname, '../node_modules/@mantine/core');

/** Where each component of the library is built, by its name. */
function components(): Map<string, string> {
  const files = readdirSync(join(PACKAGE, 'esm/components'), { recursive: true, encoding: 'utf8' });
  return new Map(files.filter((file) => file.endsWith('.mjs')).map((file) => [/([^/]+)\.mjs$/.exec(file)?.[1] ?? '', join(PACKAGE, 'esm/components', file)]));
}

/** The style files that a module needs, and what it is made of. */
function stylesOf(module: string, seen = new Set<string>()): string[] {
  if (seen.has(module) || !existsSync(module)) return [];
  seen.add(module);
  const own = /([^/]+)\.module\.mjs$/.exec(module)?.[1];
  const below = [...readFileSync(module, 'utf8').matchAll(/(?:from|import)\s+"(\.[^"]+)"/g)].flatMap(([, target = '']) => stylesOf(resolve(dirname(module), target), seen));
  return own ? [own, ...below] : below;
}

describe('styles of the component library', () => {
  it('are there for every component that the panel uses', () => {
    const known = components();
    const imported = sources().flatMap(({ text }) => [...text.matchAll(/import \{([^}]*)\} from '@mantine\/core'/g)].flatMap(([, names = '']) => names.split(',').map((name) => name.trim())));
    const used = [...new Set(imported)].filter((name) => known.has(name));
    expect(used.length).toBeGreaterThan(15);
    const seen = new Set<string>();
    const needed = used.flatMap((name) => stylesOf(known.get(name) ?? '', seen)).filter((name) => existsSync(join(PACKAGE, 'styles', `${name}.css`)));
    const given = sources().find(({ path }) => path === 'ui/mantine.css')?.text ?? '';
    expect([...new Set(needed)].filter((name) => !given.includes(`/${name}.css'`))).toEqual([]);
  });
});
