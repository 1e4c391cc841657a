import { useQuery } from '@tanstack/react-query';
import { getQuery } from './query';
import type { Operation } from './types';

/** Events normally refresh a running operation at once; the poll covers a stream that is down. */
const POLL_MS = 1_500;

export function isRunning(operation: Pick<Operation, 'state'>): boolean {
  return operation.state === 'pending' || operation.state === 'running' || operation.state === 'undoing';
}

export function useOperation(tenant: string, id: string | null) {
  return useQuery({
    ...getQuery(tenant, '/api/v1/operations/{operation_id}', { path: { operation_id: id ?? '' } }),
    enabled: id !== null,
    refetchInterval: ({ state }) => (!state.data || isRunning(state.data) ? POLL_MS : false),
  });
}

export function useOperations(tenant: string) {
  return useQuery({
    ...getQuery(tenant, '/api/v1/operations', { query: { limit: 20 } }),
    refetchInterval: ({ state }) => (state.data?.items.some(isRunning) ? POLL_MS : false),
  });
}
