import type { Schemas } from '@/api/types';
import { t } from '@/i18n';

/** A name a person recognises; product names are not translated. */
export function device({ browser, system }: Schemas['identity.Device']): string {
  if (browser && system) return t('identity.sessions.browserOn', { browser, system });
  return browser ?? system ?? t('identity.sessions.unknown');
}
