import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { api, unwrap } from '@/api/client';
import { NO_REAUTH } from '@/api/fetch';
import { NetworkError } from '@/api/problem';
import { onReauthentication, onStepUp, settleReauthentication, settleStepUp } from '@/api/reauth';

const seen: Request[] = [];
const answers: (() => Response)[] = [];
const server = setupServer(
  http.all('*/api/v1/*', ({ request }) => {
    seen.push(request.clone());
    return answers.shift()?.() ?? HttpResponse.json({ items: [], next_cursor: null });
  }),
);
const unauthenticated = () => HttpResponse.json({ status: 401, code: 'unauthenticated', title: 'no' }, { status: 401 });
const body = { apex: 'example.com' };

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
beforeEach(() => {
  seen.length = 0;
  answers.length = 0;
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

describe('requests', () => {
  it('name the tenant, and prove on writes that they come from the panel', async () => {
    await unwrap(api('tnt_1').GET('/api/v1/zones'));
    await unwrap(api('tnt_1').POST('/api/v1/zones', { body }));
    const [read, write] = seen;
    expect(read?.headers.get('mpanel-tenant')).toBe('tnt_1');
    expect(read?.headers.get('mpanel-csrf')).toBeNull();
    expect(read?.headers.get('idempotency-key')).toBeNull();
    expect(write?.headers.get('mpanel-csrf')).toBe('1');
    expect(write?.headers.get('idempotency-key')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('throw problems and broken connections as such', async () => {
    answers.push(() => HttpResponse.json({ status: 422, code: 'dns.zone.invalid', title: 'no', errors: [{ pointer: '/apex', code: 'c', message: 'm' }] }, { status: 422 }));
    await expect(unwrap(api().POST('/api/v1/zones', { body }))).rejects.toMatchObject({ status: 422, code: 'dns.zone.invalid', errors: [{ pointer: '/apex' }] });
    answers.push(() => HttpResponse.error());
    await expect(unwrap(api().GET('/api/v1/zones'))).rejects.toBeInstanceOf(NetworkError);
  });
});

describe('a session that has ended', () => {
  it('is renewed once for all waiting requests, which are then repeated unchanged', async () => {
    let opened = 0;
    const stop = onReauthentication((open) => {
      if (open) opened += 1;
    });
    answers.push(unauthenticated, unauthenticated);
    const first = unwrap(api('tnt_1').POST('/api/v1/zones', { body }));
    const second = unwrap(api('tnt_1').GET('/api/v1/zones'));
    await expect.poll(() => seen.length).toBe(2);
    await expect.poll(() => opened).toBe(1);
    settleReauthentication(true);
    await Promise.all([first, second]);
    const posts = seen.filter(({ method }) => method === 'POST');
    expect(posts).toHaveLength(2);
    expect(await posts[1]?.json()).toEqual(body);
    expect(posts[1]?.headers.get('idempotency-key')).toBe(posts[0]?.headers.get('idempotency-key'));
    stop();
  });

  it('fails the request when the user leaves, and where a 401 is the answer', async () => {
    const stop = onReauthentication((open) => {
      if (open) settleReauthentication(false);
    });
    answers.push(unauthenticated);
    await expect(unwrap(api().GET('/api/v1/zones'))).rejects.toMatchObject({ status: 401 });
    stop();
    answers.push(unauthenticated);
    await expect(unwrap(api().GET('/api/v1/me', { headers: { [NO_REAUTH]: '1' } }))).rejects.toMatchObject({ status: 401 });
    expect(seen.at(-1)?.headers.get(NO_REAUTH)).toBeNull();
  });
});

describe('an operation that wants to be sure who asks', () => {
  const unproven = () => HttpResponse.json({ status: 403, code: 'identity.step_up.required', title: 'no' }, { status: 403 });

  it('asks once and is repeated unchanged', async () => {
    let opened = 0;
    const stop = onStepUp((open) => {
      if (open) opened += 1;
    });
    answers.push(unproven, unproven);
    const both = [unwrap(api('tnt_1').POST('/api/v1/zones', { body })), unwrap(api('tnt_1').POST('/api/v1/zones', { body }))];
    await expect.poll(() => opened).toBe(1);
    await expect.poll(() => seen.length).toBe(2);
    settleStepUp(true);
    await Promise.all(both);
    expect(seen).toHaveLength(4);
    expect(await seen[2]?.json()).toEqual(body);
    const keys = seen.map(({ headers }) => headers.get('idempotency-key'));
    expect(new Set(keys).size).toBe(2);
    stop();
  });

  it('fails as it was refused when the user declines, and any other refusal asks nothing', async () => {
    let opened = 0;
    const stop = onStepUp((open) => {
      if (open) opened += 1;
      if (open) settleStepUp(false);
    });
    answers.push(unproven);
    await expect(unwrap(api().POST('/api/v1/zones', { body }))).rejects.toMatchObject({ status: 403, code: 'identity.step_up.required' });
    answers.push(() => HttpResponse.json({ status: 403, code: 'request.forbidden', title: 'no' }, { status: 403 }));
    await expect(unwrap(api().POST('/api/v1/zones', { body }))).rejects.toMatchObject({ code: 'request.forbidden' });
    expect(opened).toBe(1);
    stop();
  });
});
