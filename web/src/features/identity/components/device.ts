import { t } from '@/i18n';

const BROWSERS: [RegExp, string][] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
  [/^mpanel/i, 'mPanel CLI'],
  [/^curl/i, 'curl'],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
];

/** A name a person recognises, from the user agent; product names are not translated. */
export function device(userAgent: string | null): string {
  if (!userAgent) return t('identity.sessions.unknown');
  const find = (list: [RegExp, string][]) => list.find(([pattern]) => pattern.test(userAgent))?.[1];
  const browser = find(BROWSERS);
  const system = find(SYSTEMS);
  if (browser && system) return t('identity.sessions.browserOn', { browser, system });
  return browser ?? system ?? userAgent.slice(0, 40);
}
