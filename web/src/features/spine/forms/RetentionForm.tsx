import { Stack, TextInput } from '@mantine/core';
import { useActing } from '@/api/acting';
import { unwrap } from '@/api/client';
import { useWrite } from '@/api/query';
import type { Schemas } from '@/api/types';
import { t } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { optional, z } from '@/ui/rules';
import { toast } from '@/ui/toast';

interface Values {
  days: string;
  least_days: string;
  held_for: string;
}

const count = z.string().check(z.regex(/^\d*$/, 'spine.retention.number'));
const number = (text: string) => (text === '' ? null : Number(text));

export function RetentionForm({ now, close }: { now: Schemas['spine.AuditRetention']; close: () => void }) {
  const { api, tenant } = useActing();
  const platform = tenant.kind === 'platform';
  const write = useWrite((body: Schemas['spine.SetAuditRetention']) => unwrap(api.PUT('/api/v1/audit/retention', { body })), ['/api/v1/audit']);
  const form = useApiForm<Values>({
    schema: z.object({ days: count, least_days: count, held_for: optional() }),
    defaults: { days: String(now.days ?? ''), least_days: platform ? String(now.least_days) : '', held_for: now.held_for ?? '' },
    submit: async ({ days, least_days, held_for }) => {
      const reason = held_for.trim();
      const hold = reason ? { held_for: reason } : { release_hold: now.held_for !== null };
      await write.mutateAsync({ days: number(days), ...hold, ...(platform ? { least_days: number(least_days) } : {}) });
      toast(t('spine.retention.saved'));
      close();
    },
  });
  return (
    <Dialog opened onClose={close} title={t('spine.retention.title')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <TextInput label={t('spine.retention.days')} description={t('spine.retention.daysHint')} inputMode="numeric" error={form.error('days')} {...form.register('days')} />
          {platform && <TextInput label={t('spine.retention.leastDays')} inputMode="numeric" error={form.error('least_days')} {...form.register('least_days')} />}
          <TextInput label={t('spine.retention.hold')} description={t('spine.retention.holdHint')} error={form.error('held_for')} {...form.register('held_for')} />
          <FormButtons cancel={close} busy={form.formState.isSubmitting} label={t('ui.action.save')} />
        </Stack>
      </form>
    </Dialog>
  );
}
