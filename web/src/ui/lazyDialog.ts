import { lazy, type ComponentType } from 'react';

/** A component that is fetched when it is first shown: dialogues and editors, which most visits to a page never open. */
export function lazyDialog<K extends string, P>(load: () => Promise<Record<K, ComponentType<P>>>, name: K) {
  return lazy(async () => ({ default: (await load())[name] }));
}
