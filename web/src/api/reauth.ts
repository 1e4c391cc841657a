/**
 * The meeting points between requests that were refused and the dialogue that asks the user for what they lack: a new login
 * when the session has ended, the password again before something serious. However many requests are refused at once, one
 * dialogue opens and all of them wait for it.
 */
type Listener = (open: boolean) => void;

function meeting() {
  let waiting: { promise: Promise<boolean>; settle: (ok: boolean) => void } | null = null;
  let listener: Listener | null = null;
  return {
    /** The shell registers its dialogue; without one (login and claim pages) the refusal is simply an error. */
    on(next: Listener): () => void {
      listener = next;
      return () => {
        if (listener === next) listener = null;
      };
    },
    request(): Promise<boolean> {
      if (!listener) return Promise.resolve(false);
      if (waiting) return waiting.promise;
      let settle: (ok: boolean) => void = () => undefined;
      const promise = new Promise<boolean>((resolve) => {
        settle = resolve;
      });
      waiting = { promise, settle };
      listener(true);
      return promise;
    },
    /** `true`: the waiting requests are repeated. `false`: they fail as they were refused. */
    settle(ok: boolean): void {
      const current = waiting;
      waiting = null;
      listener?.(false);
      current?.settle(ok);
    },
  };
}

const login = meeting();
export const onReauthentication = login.on;
export const requestReauthentication = login.request;
export const settleReauthentication = login.settle;

const proof = meeting();
export const onStepUp = proof.on;
export const requestStepUp = proof.request;
export const settleStepUp = proof.settle;
