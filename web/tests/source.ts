import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const SRC = join(import.meta.dirname, '../src');

export interface Source {
  /** Relative to `src`, with forward slashes. */
  path: string;
  text: string;
}

/** Every hand-written source file of the panel. */
export function sources(): Source[] {
  return readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|css|json)$/.test(entry.name) && !entry.name.endsWith('schema.d.ts'))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path: relative(SRC, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') };
    });
}

/** The modules a file imports, resolved to paths relative to `src`; packages are left out. */
export function imports({ path, text }: Source): string[] {
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return found.flatMap((target) => {
    if (target.startsWith('@/')) return [target.slice(2)];
    if (!target.startsWith('.')) return [];
    return [join(path, '..', target).replaceAll('\\', '/')];
  });
}
