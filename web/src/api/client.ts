import createClient, { type Client } from 'openapi-fetch';
import { apiFetch } from './fetch';
import { problemToError } from './problem';
import type { paths } from './schema';

export type Api = Client<paths>;

const clients = new Map<string, Api>();

/** The typed client acting for a tenant; without one the credential's home tenant acts. */
export function api(tenant?: string): Api {
  const key = tenant ?? '';
  let client = clients.get(key);
  if (!client) {
    client = createClient<paths>({
      baseUrl: typeof location === 'undefined' ? 'http://localhost' : location.origin,
      fetch: apiFetch,
      ...(tenant ? { headers: { 'Mpanel-Tenant': tenant } } : {}),
    });
    clients.set(key, client);
  }
  return client;
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Turns the client's answer into its data, or throws an {@link ApiError}. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw problemToError(error, response.status, response.headers.get('x-request-id'));
  return data as T;
}

/** The change is refused (412) when somebody else changed the object after it was read. */
export const ifMatch = ({ version }: { version: number }) => ({ 'If-Match': `"${version}"` });
