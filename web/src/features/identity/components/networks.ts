/** What people type into a field, a network a line or between commas. */
export function networksOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '');
}

export const asText = (networks: readonly string[]) => networks.join('\n');
