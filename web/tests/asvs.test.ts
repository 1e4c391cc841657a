import { describe, expect, it } from 'vitest';
import { sources } from './source';

/** Fields for passwords, as they stand in the pages. */
const fields = sources().flatMap(({ path, text }) => [...text.matchAll(/<(\w+)[^>]*autoComplete="(?:current|new)-password"[^>]*>/g)].map((match) => ({ path, element: match[1], text: match[0] })));

describe('password fields', () => {
  it('asvs_6_2_6_passwords_are_typed_into_password_fields', () => {
    expect(fields.length).toBeGreaterThan(5);
    expect(fields.filter(({ element }) => element !== 'PasswordInput')).toEqual([]);
    const named = sources().flatMap(({ path, text }) => [...text.matchAll(/<(TextInput|Textarea|input)[^>]*register\('(?:\w+_)?password'\)/g)].map(() => path));
    expect(named).toEqual([]);
  });

  it('asvs_6_2_7_password_managers_may_fill_and_paste', () => {
    const refusing = sources().filter(({ text }) => /onPaste|onBeforeInput|PasswordInput[^>]*autoComplete="off"/.test(text));
    expect(refusing.map(({ path }) => path)).toEqual([]);
  });
});
