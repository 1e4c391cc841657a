import { ApiError } from '@/api/problem';

export const REQUIRED = 'tenancy.assumption.required';
export const CONSENT = 'tenancy.assumption.consent_required';

/** The server lets the user in once it knows why: he acts for somebody below. */
export function needsReason(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.code === REQUIRED || error.code === CONSENT);
}

/** Whole minutes that are left, counted up: what is nearly over is not over. */
export function minutesLeft(until: string, now: number): number {
  return Math.max(0, Math.ceil((Date.parse(until) - now) / 60_000));
}
