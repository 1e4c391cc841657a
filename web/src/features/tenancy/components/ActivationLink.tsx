import { Stack } from '@mantine/core';
import { t } from '@/i18n';
import { CopyField } from '@/ui/Copy';
import { Notice } from '@/ui/Notice';
import { absoluteTime } from '@/ui/format';
import type { Activation } from '../queries';

/** The way in for somebody new. It is shown once; nobody, the panel included, can show it again. */
export function ActivationLink({ activation, name }: { activation: Activation; name: string }) {
  return (
    <Stack gap="sm">
      <Notice tone="warn" title={t('tenancy.activation.title', { name })}>
        {t('tenancy.activation.text', { until: absoluteTime(activation.expires_at) })}
      </Notice>
      <CopyField autoFocus label={t('tenancy.activation.label')} value={location.origin + activation.url_path} />
    </Stack>
  );
}
