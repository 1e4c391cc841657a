/** A hint, not a rule: 0 too short, 1 easy to guess, 2 fair, 3 good. The server has the last word. */
export type Strength = 0 | 1 | 2 | 3;

export const MIN_PASSWORD = 12;

export function strength(password: string, personal: readonly string[] = []): Strength {
  if (password.length < MIN_PASSWORD) return 0;
  const lower = password.toLowerCase();
  const known = personal.flatMap((text) => text.toLowerCase().split(/[\s@.]+/)).filter((part) => part.length > 3);
  if (known.some((part) => lower.includes(part))) return 1;
  if (new Set(lower).size < 6 || /^(.{1,4})\1+$/.test(lower) || /(0123|1234|abcd|qwer|password|passwort)/.test(lower)) return 1;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  return password.length >= 16 || kinds >= 3 ? 3 : 2;
}
