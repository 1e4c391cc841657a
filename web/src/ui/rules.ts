import * as z from 'zod/mini';

/** Rules shared by forms. Their messages are keys of texts, so that they can be translated. */
export const required = () => z.string().check(z.trim(), z.minLength(1, 'ui.rule.required'));
export const optional = () => z.string().check(z.trim());
export const email = () => z.string().check(z.trim(), z.minLength(1, 'ui.rule.required'), z.regex(/^[^\s@]+@[^\s@]+$/, 'ui.rule.email'));
/** Who could change other people's things needs the longer one; the server has the last word. */
export const newPassword = (minimum: number) => z.string().check(z.minLength(minimum, minimum > 8 ? 'ui.rule.passwordOwner' : 'ui.rule.password'), z.maxLength(256, 'ui.rule.passwordLong'));
export const code = () => z.string().check(z.trim(), z.minLength(6, 'ui.rule.code'));

/** A host name as people type it: case and a trailing dot do not matter, a pasted address is not a name. */
export const domain = () => z.string().check(z.trim(), z.minLength(1, 'ui.rule.required'), z.regex(DOMAIN, 'ui.rule.domain'));
export const optionalDomain = () => z.string().check(z.trim(), z.refine((value) => value === '' || DOMAIN.test(value), 'ui.rule.domain'));

const DOMAIN = /^(\*\.)?([^\s./:@]{1,63}\.)+[^\s./:@]{1,63}\.?$/u;

/** Empty means "not given" on the wire. */
export function orNull(value: string): string | null {
  return value === '' ? null : value;
}

export { z };
