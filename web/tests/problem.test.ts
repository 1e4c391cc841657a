import { describe, expect, it } from 'vitest';
import { ApiError, mapErrors, pointerToField, problemToError, toApiError } from '@/api/problem';

const error = (...pointers: string[]) =>
  new ApiError({ status: 422, errors: pointers.map((pointer) => ({ pointer, code: 'x', message: `about ${pointer}` })) });

describe('pointerToField', () => {
  it.each([
    ['/name', 'name'],
    ['#/owner/email', 'owner.email'],
    ['/records/0/data', 'records.0.data'],
    ['/a~1b/c~0d', 'a/b.c~d'],
    ['', ''],
  ])('%s → %s', (pointer, field) => expect(pointerToField(pointer)).toBe(field));
});

describe('mapErrors', () => {
  it('puts errors at the fields they name and keeps the rest', () => {
    const { fields, rest } = mapErrors(error('/name', '/owner/email', '/quota'), ['name', 'owner.email']);
    expect(fields.map(({ field }) => field)).toEqual(['name', 'owner.email']);
    expect(rest.map(({ pointer }) => pointer)).toEqual(['/quota']);
  });

  it('gives an error inside a list to the field that holds the list', () => {
    expect(mapErrors(error('/scopes/1'), ['scopes']).fields[0]?.field).toBe('scopes');
  });

  it('does not confuse names with a common beginning', () => {
    expect(mapErrors(error('/names'), ['name']).rest).toHaveLength(1);
  });

  it('follows renamed fields', () => {
    expect(mapErrors(error('/expires_at'), ['days'], { expires_at: 'days' }).fields[0]?.field).toBe('days');
  });
});

describe('reading an answer', () => {
  it('keeps code, detail and request id', () => {
    const read = problemToError({ title: 'No', code: 'sites.quota', detail: 'full', request_id: 'req_1', errors: [{ pointer: '/a', code: 'c', message: 'm' }, 7] }, 409);
    expect(read).toMatchObject({ status: 409, code: 'sites.quota', detail: 'full', requestId: 'req_1' });
    expect(read.errors).toHaveLength(1);
  });

  it('survives an answer that is not a problem', async () => {
    const read = await toApiError(new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'x-request-id': 'req_9' } }));
    expect(read).toMatchObject({ status: 502, code: 'http.502', requestId: 'req_9', errors: [] });
  });
});
