import { NetworkError } from './problem';
import { requestReauthentication, requestStepUp } from './reauth';

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

/** What an operation answers that wants to be sure who asks. */
const STEP_UP = 'identity.step_up.required';

/**
 * `fetch` for the API. When the session has ended, it asks for a new login, and when an operation wants the password again,
 * for that; then it repeats the request, so that a half-written form is not lost.
 */
export async function apiFetch(input: Request): Promise<Response> {
  const mayAsk = !input.headers.has(NO_REAUTH);
  const request = decorate(input);
  const [again, oncemore] = [request.clone(), request.clone()];
  let response = await send(request);
  if (response.status === 401 && mayAsk && (await requestReauthentication())) response = await send(again);
  if ((await wantsProof(response)) && (await requestStepUp())) response = await send(oncemore);
  return response;
}

async function wantsProof(response: Response): Promise<boolean> {
  if (response.status !== 403) return false;
  const problem: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return typeof problem === 'object' && problem !== null && 'code' in problem && problem.code === STEP_UP;
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new NetworkError(error);
  }
}
