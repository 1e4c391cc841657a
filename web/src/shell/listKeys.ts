import { useState, type KeyboardEvent } from 'react';

/** Arrow keys move through a list below a search field, Enter chooses. */
export function useListKeys(length: number, choose: (index: number) => void) {
  const [active, setActive] = useState(0);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && length > 0) {
      event.preventDefault();
      setActive((current) => (current + step + length) % length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(active);
    }
  };
  return { active: Math.min(active, Math.max(0, length - 1)), onKeyDown, reset: () => setActive(0) };
}
