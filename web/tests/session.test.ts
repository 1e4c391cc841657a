import { QueryClient } from '@tanstack/react-query';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logOut, meQuery, setMe } from '@/api/session';
import type { Me } from '@/api/types';

const me = { user: { id: 'usr_1', name: 'Ada' }, memberships: [] } as unknown as Me;
let asked = 0;
let known = true;
const server = setupServer(
  http.get('*/api/v1/me', () => {
    asked += 1;
    return known ? HttpResponse.json(me) : HttpResponse.json({ status: 401, title: 'no' }, { status: 401 });
  }),
  http.delete('*/api/v1/sessions/current', () => new HttpResponse(null, { status: 204 })),
);

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
beforeEach(() => {
  localStorage.clear();
  asked = 0;
  known = true;
});
afterAll(() => server.close());

describe('who is logged in', () => {
  const read = () => new QueryClient().fetchQuery(meQuery);

  it('is not asked where nobody has logged in: the answer would be an error of the page', async () => {
    expect(await read()).toBeNull();
    expect(asked).toBe(0);
  });

  it('is asked after a login, and no more after the logout', async () => {
    const client = new QueryClient();
    setMe(client, me);
    expect(await read()).toEqual(me);
    await logOut(client);
    expect(await read()).toBeNull();
    expect(asked).toBe(1);
  });

  it('is asked once more when the session has ended meanwhile', async () => {
    setMe(new QueryClient(), me);
    known = false;
    expect(await read()).toBeNull();
    expect(await read()).toBeNull();
    expect(asked).toBe(1);
  });
});
