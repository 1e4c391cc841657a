/** `www.example.com` → `www` and `example.com` → `@`, as people write names inside their zone. */
export function relativeName(name: string, apex: string): string {
  if (name === apex) return '@';
  return name.endsWith(`.${apex}`) ? name.slice(0, -apex.length - 1) : name;
}
