import { useActing } from '@/api/acting';
import { unwrap } from '@/api/client';
import { useWrite } from '@/api/query';

const DEAD = ['/api/v1/dead-jobs', '/api/v1/audit'];
const EVENTS = ['/api/v1/dead-events', '/api/v1/event-consumers', '/api/v1/audit'];
const STUCK = ['/api/v1/stuck-objects', '/api/v1/reconcilers', '/api/v1/audit'];

/** A request has time for some, and says where the next goes on. */
async function inParts(retry: (cursor: string | null) => Promise<{ next_cursor: string | null }>): Promise<void> {
  let cursor: string | null = null;
  do {
    ({ next_cursor: cursor } = await retry(cursor));
  } while (cursor !== null);
}

/** What can be done about events that were not taken on. */
export function useEvents() {
  const { api } = useActing();
  return {
    retry: useWrite((event_id: string) => unwrap(api.POST('/api/v1/dead-events/{event_id}/retry', { params: { path: { event_id } } })), EVENTS),
    retryAll: useWrite((consumer: string) => inParts((cursor) => unwrap(api.POST('/api/v1/dead-events/retry', { body: { consumer, cursor } }))), EVENTS),
    discard: useWrite((event_id: string) => unwrap(api.DELETE('/api/v1/dead-events/{event_id}', { params: { path: { event_id } } })), EVENTS),
    rebuild: useWrite((consumer: string) => unwrap(api.POST('/api/v1/event-consumers/{consumer}/rebuild', { params: { path: { consumer } } })), EVENTS),
  };
}

/** What can be done about background work that does not get on. */
export function useBackground() {
  const { api } = useActing();
  return {
    retry: useWrite((job_id: string) => unwrap(api.POST('/api/v1/dead-jobs/{job_id}/retry', { params: { path: { job_id } } })), DEAD),
    retryAll: useWrite((kind: string) => inParts((cursor) => unwrap(api.POST('/api/v1/dead-jobs/retry', { body: { kind, cursor } }))), DEAD),
    discard: useWrite((job_id: string) => unwrap(api.DELETE('/api/v1/dead-jobs/{job_id}', { params: { path: { job_id } } })), DEAD),
    tryNow: useWrite((subject: string | undefined) => unwrap(api.POST('/api/v1/stuck-objects/retry', { body: { subject } })), STUCK),
    run: useWrite((reconciler: string) => unwrap(api.POST('/api/v1/reconcilers/{reconciler}/run', { params: { path: { reconciler } } })), STUCK),
  };
}
