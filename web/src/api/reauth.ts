/**
 * The meeting point between requests that found the session ended and the dialogue that asks for a new login.
 * However many requests fail at once, one dialogue opens and all of them wait for it.
 */
type Listener = (open: boolean) => void;

let waiting: { promise: Promise<boolean>; settle: (ok: boolean) => void } | null = null;
let listener: Listener | null = null;

/** The shell registers its dialogue; without one (login and claim pages) a 401 is simply an error. */
export function onReauthentication(next: Listener): () => void {
  listener = next;
  return () => {
    if (listener === next) listener = null;
  };
}

export function requestReauthentication(): Promise<boolean> {
  if (!listener) return Promise.resolve(false);
  if (waiting) return waiting.promise;
  let settle: (ok: boolean) => void = () => undefined;
  const promise = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  waiting = { promise, settle };
  listener(true);
  return promise;
}

/** `true` after a new login: the waiting requests are repeated. `false`: they fail with their 401. */
export function settleReauthentication(ok: boolean): void {
  const current = waiting;
  waiting = null;
  listener?.(false);
  current?.settle(ok);
}
