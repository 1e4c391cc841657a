import { QueryClient } from '@tanstack/react-query';
import { ApiError } from './api/problem';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Events say when something changed; this only bounds how long a missed one can matter.
      staleTime: 15_000,
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500),
      retryDelay: (failures) => 500 * 2 ** failures,
      // A request made while offline fails at once and says so, instead of hanging.
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});
