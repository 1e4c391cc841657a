/** A hint, not a rule: 0 too short, 1 easy to guess, 2 fair, 3 good. The server has the last word. */
export type Strength = 0 | 1 | 2 | 3;

export const MIN_PASSWORD = 8;
/** Of owners of a platform or reseller. */
export const MIN_OWNER_PASSWORD = 12;

export function strength(password: string, personal: readonly string[] = [], minimum = MIN_OWNER_PASSWORD): Strength {
  if (password.length < minimum) return 0;
  const lower = password.toLowerCase();
  const known = personal.flatMap((text) => text.toLowerCase().split(/[\s@.]+/)).filter((part) => part.length > 3);
  if (known.some((part) => lower.includes(part))) return 1;
  if (new Set(lower).size < 6 || /^(.{1,4})\1+$/.test(lower) || /(0123|1234|abcd|qwer|password|passwort)/.test(lower)) return 1;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  if (password.length < MIN_OWNER_PASSWORD) return kinds >= 3 ? 2 : 1;
  return password.length >= 16 || kinds >= 3 ? 3 : 2;
}
