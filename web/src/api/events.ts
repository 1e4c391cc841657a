import type { QueryClient } from '@tanstack/react-query';
import { invalidatePaths } from './query';

/** What of the API may have changed when an event of a context arrives. Events carry no state into the panel. */
const STALE: Record<string, readonly string[]> = {
  identity: ['/api/v1/me', '/api/v1/invitations', '/api/v1/tenants', '/api/v1/sessions', '/api/v1/api-tokens', '/api/v1/audit'],
  tenancy: ['/api/v1/tenants', '/api/v1/subtree', '/api/v1/invitations', '/api/v1/plans', '/api/v1/roles', '/api/v1/permissions', '/api/v1/me', '/api/v1/audit'],
  fleet: ['/api/v1/nodes'],
  sites: ['/api/v1/sites', '/api/v1/operations', '/api/v1/audit'],
  dns: ['/api/v1/zones', '/api/v1/audit'],
  certificates: ['/api/v1/certificates', '/api/v1/sites', '/api/v1/audit'],
  jobs: ['/api/v1/operations', '/api/v1/sites', '/api/v1/dead-jobs', '/api/v1/stuck-objects', '/api/v1/reconcilers'],
  spine: ['/api/v1/operations', '/api/v1/stuck-objects', '/api/v1/dead-events', '/api/v1/event-consumers'],
};

export function stalePaths(type: string): readonly string[] {
  return STALE[type.split('.')[0] ?? ''] ?? [];
}

type Message = { kind: 'event'; type: string } | { kind: 'reset' };

/** Events come in bursts (an operation has many steps); one refresh answers a burst. */
const BURST_MS = 150;

/**
 * Follows the events of a tenant. Among all tabs of the browser that show this tenant, the one holding the lock
 * keeps the stream and tells the others; when it closes, the next in line takes over.
 */
export function followEvents(tenant: string, client: QueryClient): () => void {
  const name = `mpanel-events:${tenant}`;
  const stop = new AbortController();
  const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(name);
  const pending = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | null = null;

  const flush = () => {
    timer = null;
    const prefixes = [...pending];
    pending.clear();
    void invalidatePaths(client, prefixes);
  };
  const receive = (message: Message) => {
    if (message.kind === 'reset') void client.invalidateQueries({ refetchType: 'active' });
    else for (const path of stalePaths(message.type)) pending.add(path);
    if (pending.size > 0) timer ??= setTimeout(flush, BURST_MS);
  };
  const publish = (message: Message) => {
    receive(message);
    channel?.postMessage(message);
  };
  if (channel) channel.onmessage = (event: MessageEvent<Message>) => receive(event.data);

  const lead = () =>
    new Promise<void>((resolve) => {
      if (stop.signal.aborted) return resolve();
      const close = openStream(tenant, publish);
      stop.signal.addEventListener('abort', () => {
        close();
        resolve();
      });
    });
  if (navigator.locks) {
    navigator.locks.request(name, { signal: stop.signal }, lead).catch(() => undefined);
  } else {
    void lead();
  }

  return () => {
    stop.abort();
    channel?.close();
    if (timer) clearTimeout(timer);
  };
}

function openStream(tenant: string, publish: (message: Message) => void): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | null = null;
  let broken = false;
  let failures = 0;

  const connect = () => {
    source = new EventSource(`/api/v1/events?tenant=${encodeURIComponent(tenant)}`);
    source.onopen = () => {
      failures = 0;
      // What happened while the stream was down may be lost to this page: everything shown is read again.
      if (broken) publish({ kind: 'reset' });
      broken = false;
    };
    source.onmessage = (event: MessageEvent<string>) => {
      const type = eventType(event.data);
      if (type) publish({ kind: 'event', type });
    };
    // The server cannot say what was missed.
    source.addEventListener('reset', () => publish({ kind: 'reset' }));
    source.onerror = () => {
      broken = true;
      // The browser reconnects by itself (with Last-Event-ID) unless the server refused; then we wait and try anew.
      if (source?.readyState === EventSource.CLOSED) {
        failures += 1;
        retry = setTimeout(connect, Math.min(30_000, 1_000 * 2 ** failures));
      }
    };
  };
  connect();
  return () => {
    if (retry) clearTimeout(retry);
    source?.close();
  };
}

export function eventType(data: string): string | null {
  try {
    const parsed: unknown = JSON.parse(data);
    const type = (parsed as { type?: unknown } | null)?.type;
    return typeof type === 'string' ? type : null;
  } catch {
    return null;
  }
}
