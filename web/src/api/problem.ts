import type { FieldError, Problem } from './types';

/** An answer of the API that is not a success, as RFC 9457 problem details. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string | null;
  readonly requestId: string | null;
  readonly errors: FieldError[];

  constructor(problem: Partial<Problem> & { status: number }) {
    super(problem.title ?? `HTTP ${problem.status}`);
    this.name = 'ApiError';
    this.status = problem.status;
    this.code = problem.code ?? `http.${problem.status}`;
    this.detail = problem.detail ?? null;
    this.requestId = problem.request_id ?? null;
    this.errors = problem.errors ?? [];
  }
}

/** The request never got an answer: offline, connection refused, or broken off. */
export class NetworkError extends Error {
  constructor(cause: unknown) {
    super('network', { cause });
    this.name = 'NetworkError';
  }
}

/** Reads a failed response; proxies may answer with something that is not JSON, which must not hide the status. */
export async function toApiError(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  return problemToError(body, response.status, response.headers.get('x-request-id'));
}

export function problemToError(body: unknown, status: number, requestId: string | null = null): ApiError {
  const problem = isRecord(body) ? (body as Partial<Problem>) : {};
  return new ApiError({
    ...problem,
    status,
    request_id: problem.request_id ?? requestId,
    errors: Array.isArray(problem.errors) ? problem.errors.filter(isFieldError) : [],
  });
}

/** `/owner/email` or `#/owner/email` → `owner.email`, the way form libraries name fields (RFC 6901 escapes undone). */
export function pointerToField(pointer: string): string {
  return pointer
    .replace(/^#/, '')
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
}

export interface Mapped {
  /** Errors that belong to a field of the form; `below` is the part of its value that is meant, where one is named. */
  fields: { field: string; below: string | null; error: FieldError }[];
  /** Errors for which the form has no field: they are shown above it, so that nothing is swallowed. */
  rest: FieldError[];
}

/**
 * Sorts the errors of a problem into those of the form's fields and the rest.
 * A form may name a field differently from the request body: `rename` maps wire names to form names.
 */
export function mapErrors(error: ApiError, fields: readonly string[], rename: Record<string, string> = {}): Mapped {
  const mapped: Mapped = { fields: [], rest: [] };
  for (const item of error.errors) {
    const wire = pointerToField(item.pointer);
    const field = rename[wire] ?? wire;
    // A pointer below a field (an element of a list in one input) still belongs to that field, the closest one.
    const known = fields.filter((name) => field === name || field.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0];
    if (known !== undefined) mapped.fields.push({ field: known, below: field === known ? null : field, error: item });
    else mapped.rest.push(item);
  }
  return mapped;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isFieldError(value: unknown): value is FieldError {
  return isRecord(value) && typeof value['pointer'] === 'string';
}
