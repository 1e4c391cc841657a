import { useSyncExternalStore } from 'react';
import classes from './feedback.module.css';

interface Toast {
  id: number;
  text: string;
}

const SHOWN_MS = 4_000;
let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function set(value: Toast[]) {
  toasts = value;
  for (const listener of listeners) listener();
}

/** A short confirmation that needs no answer. Errors belong beside what caused them, not here. */
export function toast(text: string): void {
  const id = next++;
  set([...toasts, { id, text }]);
  setTimeout(() => set(toasts.filter((item) => item.id !== id)), SHOWN_MS);
}

export function Toasts() {
  const items = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className={classes.toasts} role="status" aria-live="polite">
      {items.map((item) => (
        <div key={item.id} className={classes.toast}>
          {item.text}
        </div>
      ))}
    </div>
  );
}
