import { queryOptions, useQuery, type QueryClient } from '@tanstack/react-query';
import { api, unwrap } from './client';
import { NO_REAUTH } from './fetch';
import { ApiError } from './problem';
import { storage } from './storage';
import type { ApiKey } from './query';
import type { Me, Schemas } from './types';

const ME_KEY: ApiKey = ['', '/api/v1/me', null];

/**
 * Kept from a login to the logout. The cookie cannot be seen from here, and asking without one is answered 401, which the
 * browser shows as an error of the page: where nobody has logged in, nobody is asked for.
 */
const LOGGED_IN = 'mpanel-logged-in';

/** Who is logged in; `null` when nobody is. A 401 here is an answer, not a reason to open the login dialogue. */
export const meQuery = queryOptions({
  queryKey: ME_KEY,
  queryFn: async ({ signal }): Promise<Me | null> => {
    if (storage.get(LOGGED_IN) === null) return null;
    try {
      return await unwrap(api().GET('/api/v1/me', { signal, headers: { [NO_REAUTH]: '1' } }));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      storage.remove(LOGGED_IN);
      return null;
    }
  },
  staleTime: 60_000,
});

export const setupQuery = queryOptions({
  queryKey: ['', '/api/v1/setup', null] as ApiKey,
  queryFn: ({ signal }) => unwrap(api().GET('/api/v1/setup', { signal, headers: { [NO_REAUTH]: '1' } })),
});

/** Inside the shell somebody is logged in. */
export function useMe(): Me {
  const { data } = useQuery(meQuery);
  if (!data) throw new Error('useMe outside of the shell');
  return data;
}

/** Who one is, and what was tried on the account since one logged in before. */
export function logIn(body: { email: string; password: string; totp?: string | null }): Promise<Schemas['identity.SignedIn']> {
  return unwrap(api().POST('/api/v1/sessions', { body, headers: { [NO_REAUTH]: '1' } }));
}

export function setMe(client: QueryClient, me: Me): void {
  storage.set(LOGGED_IN, '1');
  client.setQueryData(ME_KEY, me);
}

/** Shows the password again; for a while the session may do what demands that. */
export const stepUp = (body: Schemas['identity.StepUp']) => unwrap(api().POST('/api/v1/sessions/current/step-up', { body }));

export async function logOut(client: QueryClient): Promise<void> {
  await unwrap(api().DELETE('/api/v1/sessions/current', { headers: { [NO_REAUTH]: '1' } })).catch((error: unknown) => {
    // A session that has ended already is what was asked for.
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  });
  storage.remove(LOGGED_IN);
  client.clear();
}
