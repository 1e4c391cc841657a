import { t, tOr } from '@/i18n';

/** `sites.domain.added` → "Domain added". Actions this panel does not know yet show as they are. */
export function actionText(action: string): string {
  const parts = action.split('.');
  const noun = tOr(`ui.noun.${parts.at(-2)}`, '');
  const verb = tOr(`ui.verb.${parts.at(-1)}`, '');
  const general = noun && verb ? t('ui.did', { noun, verb }) : action;
  return tOr(`ui.done.${action.replaceAll('.', '_')}`, general);
}
