import { describe, expect, it } from 'vitest';
import { sources } from './source';

const css = sources().find(({ path }) => path === 'ui/tokens.css')?.text ?? '';
const tokens = (block: string) => Object.fromEntries([...block.matchAll(/--mp-([\w-]+):\s*([^;]+);/g)].map(([, name = '', value = '']) => [name, value]));
const shared = tokens(/:root \{([^}]*)\}/.exec(css)?.[1] ?? '');

/** The tokens of a colour scheme, with what they refer to put in. */
function scheme(name: string): (token: string) => string {
  const own = { ...shared, ...tokens(new RegExp(`\\[data-mantine-color-scheme='${name}'\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? '') };
  const value = (token: string): string => {
    const reference = /^var\(--mp-([\w-]+)\)$/.exec(own[token] ?? '')?.[1];
    return reference === undefined ? (own[token] ?? '') : value(reference);
  };
  return value;
}

function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red = NaN, green = NaN, blue = NaN] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** As WCAG 2.2 defines it. */
function contrast(one: string, other: string): number {
  const [light = NaN, dark = NaN] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

describe.each(['light', 'dark'])('the colours of the %s scheme', (name) => {
  const value = scheme(name);
  const below = (least: number, pairs: [string, string][]) =>
    pairs.map(([front, back]) => [front, back, contrast(value(front), value(back))] as const).filter(([, , ratio]) => !(ratio >= least)).map(([front, back, ratio]) => `${front} on ${back}: ${ratio.toFixed(2)}`);
  const on = (fronts: string[], backs: string[]) => fronts.flatMap((front) => backs.map((back): [string, string] => [front, back]));

  it('keep texts at 4.5:1', () => {
    expect(below(4.5, on(['text', 'text-dim', 'link', 'bad'], ['bg', 'surface', 'sunken', 'hover']))).toEqual([]);
    expect(below(4.5, ['ok', 'warn', 'bad', 'busy'].map((tone) => [tone, `${tone}-bg`]))).toEqual([]);
  });

  it('keep the outlines of controls and of the focus at 3:1', () => {
    expect(below(3, on(['control', 'brand-5'], ['bg', 'surface', 'sunken']))).toEqual([]);
  });
});
