import { useActing } from '@/api/acting';
import { unwrap } from '@/api/client';
import { useWrite } from '@/api/query';

const DEAD = ['/api/v1/dead-jobs', '/api/v1/audit'];
const STUCK = ['/api/v1/stuck-objects', '/api/v1/reconcilers', '/api/v1/audit'];

/** What can be done about background work that does not get on. */
export function useBackground() {
  const { api } = useActing();
  return {
    retry: useWrite((job_id: string) => unwrap(api.POST('/api/v1/dead-jobs/{job_id}/retry', { params: { path: { job_id } } })), DEAD),
    retryAll: useWrite((kind: string) => unwrap(api.POST('/api/v1/dead-jobs/retry', { body: { kind } })), DEAD),
    discard: useWrite((job_id: string) => unwrap(api.DELETE('/api/v1/dead-jobs/{job_id}', { params: { path: { job_id } } })), DEAD),
    tryNow: useWrite((subject: string | undefined) => unwrap(api.POST('/api/v1/stuck-objects/retry', { body: { subject } })), STUCK),
    run: useWrite((reconciler: string) => unwrap(api.POST('/api/v1/reconcilers/{reconciler}/run', { params: { path: { reconciler } } })), STUCK),
  };
}
