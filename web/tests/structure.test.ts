import { describe, expect, it } from 'vitest';
import { imports, sources } from './source';

const files = sources().filter(({ path }) => /\.tsx?$/.test(path));
const featureOf = (path: string) => /^features\/([^/]+)\//.exec(path)?.[1];

describe('structure', () => {
  it('features never import features', () => {
    const crossings = files.flatMap((file) => {
      const own = featureOf(file.path);
      return own ? imports(file).filter((target) => featureOf(`${target}/`) !== undefined && featureOf(`${target}/`) !== own).map((target) => `${file.path} imports ${target}`) : [];
    });
    expect(crossings).toEqual([]);
  });

  it('only the router knows features, and nothing below the shell knows the shell', () => {
    const wrong = files.flatMap((file) =>
      imports(file)
        .filter((target) => (featureOf(target) && !featureOf(file.path) && file.path !== 'router.tsx') || (target.startsWith('shell/') && !/^(shell\/|router\.tsx)/.test(file.path)))
        .map((target) => `${file.path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('wire types come from the specification', () => {
    const wrong = files.filter(({ path, text }) => !path.startsWith('api/') && /from '[^']*schema'/.test(text)).map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  it('files stay under 500 lines', () => {
    const long = sources().filter(({ text }) => text.split('\n').length > 500).map(({ path }) => path);
    expect(long).toEqual([]);
  });

  it('nothing is fetched from another origin and no script is inline', () => {
    const wrong = files.filter(({ text }) => /dangerouslySetInnerHTML|\beval\(|new Function\(/.test(text)).map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});
