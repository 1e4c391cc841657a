import { Alert, Stack, Text } from '@mantine/core';
import { Link2 } from 'lucide-react';
import { t } from '@/i18n';
import { CopyField } from '@/ui/Copy';
import { absoluteTime } from '@/ui/format';
import type { Activation } from '../queries';

/** The way in for somebody new. It is shown once; nobody, the panel included, can show it again. */
export function ActivationLink({ activation, name }: { activation: Activation; name: string }) {
  return (
    <Stack gap="sm">
      <Alert color="yellow" variant="light" icon={<Link2 size={18} />} title={t('tenancy.activation.title', { name })}>
        <Text size="md">{t('tenancy.activation.text', { until: absoluteTime(activation.expires_at) })}</Text>
      </Alert>
      <CopyField label={t('tenancy.activation.label')} value={location.origin + activation.url_path} />
    </Stack>
  );
}
