/**
 * Links of claims, invitations and mails carry their secret in the fragment, which never reaches a server. It is taken into memory
 * and out of the address bar (and the history) before anything else runs.
 */
let secret: string | null = null;
const listeners = new Set<() => void>();

const PAGES = new Set(['/claim', '/activate', '/reset', '/confirm-email']);

export function takeFragment(): void {
  if (!PAGES.has(location.pathname) || location.hash.length < 2) return;
  secret = parseFragment(location.hash);
  history.replaceState(history.state, '', location.pathname);
  for (const listener of listeners) listener();
}

export function parseFragment(hash: string): string {
  const text = hash.replace(/^#/, '');
  return new URLSearchParams(text).get('token') || decodeURIComponent(text);
}

export function readSecret(): string | null {
  return secret;
}

export function forgetSecret(): void {
  secret = null;
}

export function subscribeSecret(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
