import { useLayoutEffect } from 'react';

/**
 * Gives the focus back to what had it before `opened`. Dialogues are fetched when they are first opened, too late for the
 * component library to see where the keyboard was; and what opened one may be gone with what it deleted.
 */
export function useFocusBack(opened: boolean): void {
  useLayoutEffect(() => {
    if (!opened) return undefined;
    const before = document.activeElement;
    return () => void setTimeout(() => giveBack(before));
  }, [opened]);
}

function giveBack(before: Element | null): void {
  const now = document.activeElement;
  // Something else has taken it on purpose, such as the page one was led to.
  if (now && now !== document.body && !now.closest('[role=dialog]')) return;
  const usable = before instanceof HTMLElement && before.isConnected && before !== document.body;
  const target = usable ? before : document.getElementById('content');
  target?.focus({ preventScroll: true });
}
