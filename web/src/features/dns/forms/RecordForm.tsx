import { NumberInput, Select, Stack, TextInput } from '@mantine/core';
import { Controller } from 'react-hook-form';
import { useActing } from '@/api/acting';
import { useWrite } from '@/api/query';
import { t } from '@/i18n';
import { Dialog } from '@/ui/Dialog';
import { ApiPanel } from '@/ui/ApiPanel';
import { FormButtons, FormProblem, useApiForm } from '@/ui/form';
import { required, z } from '@/ui/rules';
import { relativeName } from '../components/recordName';
import { RECORD_TYPES, ZONES, createRecord, updateRecord, type DnsRecord, type RecordType, type Zone } from '../queries';

const EXAMPLES: Record<RecordType, string> = {
  A: '203.0.113.10',
  AAAA: '2001:db8::10',
  CNAME: 'www.example.net.',
  MX: '10 mail.example.net.',
  TXT: '"v=spf1 mx -all"',
  NS: 'ns1.example.net.',
  CAA: '0 issue "letsencrypt.org"',
  SRV: '10 5 5060 sip.example.net.',
};
const MAX_TTL = 604_800;

interface Values {
  name: string;
  type: RecordType;
  ttl: number;
  data: string;
}

const schema = z.object({
  name: required(),
  type: z.enum(RECORD_TYPES),
  ttl: z.int('ui.rule.ttl').check(z.gte(60, 'ui.rule.ttl'), z.lte(MAX_TTL, 'ui.rule.ttl')),
  data: required(),
});

/** Adds a record, or changes one. What makes a value valid is the server's knowledge: its answers appear at the fields. */
export function RecordForm({ zone, record, close }: { zone: Zone; record?: DnsRecord; close: () => void }) {
  const { id: tenant, api } = useActing();
  const save = ({ type, ...values }: Values) => (record ? updateRecord(api, zone.id, record, values) : createRecord(api, zone.id, { type, ...values }));
  const write = useWrite(save, ZONES);
  const form = useApiForm<Values>({
    schema,
    defaults: record ? { name: relativeName(record.name, zone.apex), type: record.type, ttl: record.ttl, data: record.data } : { name: '@', type: 'A', ttl: 3600, data: '' },
    submit: async (values) => {
      await write.mutateAsync(values);
      close();
    },
  });
  const values = form.watch();
  const label = t(record ? 'ui.action.save' : 'dns.record.add');
  const path = `/api/v1/zones/${zone.id}/records`;
  return (
    <Dialog opened onClose={close} title={t(record ? 'dns.record.edit' : 'dns.record.add')}>
      <form onSubmit={form.send} noValidate>
        <Stack gap="sm">
          <FormProblem messages={form.problem} />
          <Controller
            control={form.control}
            name="type"
            render={({ field }) => (
              <Select label={t('dns.record.type')} description={t(`dns.typeHint.${field.value}`)} allowDeselect={false} disabled={record !== undefined} data={[...RECORD_TYPES]} value={field.value} onChange={field.onChange} error={form.error('type')} />
            )}
          />
          <TextInput
            label={t('dns.record.name')}
            description={t('dns.record.nameHint', { apex: zone.apex })}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            data-autofocus
            error={form.error('name')}
            {...form.register('name')}
          />
          <TextInput
            label={t('dns.record.data')}
            placeholder={EXAMPLES[values.type]}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            styles={{ input: { fontFamily: 'var(--mp-mono)' } }}
            error={form.error('data')}
            {...form.register('data')}
          />
          <Controller
            control={form.control}
            name="ttl"
            render={({ field }) => (
              <NumberInput label={t('dns.record.ttl')} description={t('dns.record.ttlHint')} suffix={t('dns.record.seconds')} clampBehavior="none" thousandSeparator=" " value={field.value} onChange={field.onChange} onBlur={field.onBlur} error={form.error('ttl')} />
            )}
          />
          <FormButtons label={label} busy={form.formState.isSubmitting} cancel={close} />
          <ApiPanel
            tenant={tenant}
            example={
              record
                ? { method: 'PATCH', path: `${path}/${record.id}`, body: { name: values.name, ttl: values.ttl, data: values.data }, cli: ['record', 'update', zone.apex, record.id, '--name', values.name, '--ttl', String(values.ttl), '--value', values.data] }
                : { method: 'POST', path, body: values, cli: ['record', 'add', zone.apex, values.name, values.type, values.data, '--ttl', String(values.ttl)] }
            }
          />
        </Stack>
      </form>
    </Dialog>
  );
}
