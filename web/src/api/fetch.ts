import { NetworkError } from './problem';
import { requestReauthentication } from './reauth';

const UNSAFE = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Public endpoints and the login itself answer 401 as part of their job: no new login is asked for. */
export const NO_REAUTH = 'x-mpanel-no-reauth';

/** Adds what every request of the browser carries. The tenant is set by the client it belongs to. */
export function decorate(request: Request): Request {
  const headers = new Headers(request.headers);
  headers.delete(NO_REAUTH);
  if (UNSAFE.has(request.method)) headers.set('Mpanel-CSRF', '1');
  // One key per attempt of the user: a repetition after a new login or a broken connection is the same request.
  if (request.method === 'POST' && !headers.has('Idempotency-Key')) {
    headers.set('Idempotency-Key', crypto.randomUUID());
  }
  return new Request(request, { headers, credentials: 'same-origin' });
}

/**
 * `fetch` for the API. When the session has ended, it asks for a new login and repeats the request afterwards,
 * so that a half-written form is not lost.
 */
export async function apiFetch(input: Request): Promise<Response> {
  const mayAsk = !input.headers.has(NO_REAUTH);
  const request = decorate(input);
  const again = mayAsk ? request.clone() : null;
  const response = await send(request);
  if (response.status !== 401 || !again) return response;
  return (await requestReauthentication()) ? send(again) : response;
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new NetworkError(error);
  }
}
