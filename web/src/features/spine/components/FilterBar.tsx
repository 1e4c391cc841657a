import { Button, Group, Select, Switch, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { ListFilter } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useActing } from '@/api/acting';
import { getQuery } from '@/api/query';
import { t } from '@/i18n';
import type { Filter, Filters } from '../filters';
import classes from './audit.module.css';

interface Props {
  filters: Filters;
  change: (changed: Filters) => void;
}

const AREAS = ['sites', 'dns', 'certificates', 'identity', 'tenancy', 'fleet', 'spine'] as const;
const WIDTH = { flex: '1 1 150px' };

export function FilterBar({ filters, change }: Props) {
  const { id, tenant } = useActing();
  // On a phone the log comes first, not the ways to narrow it.
  const [shown, setShown] = useState(false);
  const members = useQuery(getQuery(id, '/api/v1/tenants/{tenant_id}/members', { path: { tenant_id: id } }));
  const people = (members.data?.items ?? []).map(({ user_id, name }) => ({ value: user_id, label: name }));
  // Whom a link names need not be a member any more.
  const { actor } = filters;
  const known = actor === undefined || people.some(({ value }) => value === actor);
  const areas = AREAS.map((area) => ({ value: `${area}.`, label: t(`spine.audit.areas.${area}`) }));
  const area = filters.action;
  const none = Object.fromEntries(Object.keys(filters).map((name) => [name, '']));
  const set = Object.keys(filters).length;
  return (
    <>
      <Button className={classes.filterButton} variant="default" leftSection={<ListFilter size={16} />} aria-expanded={shown} onClick={() => setShown(!shown)}>
        {set > 0 ? t('spine.audit.filtersSet', { count: set }) : t('spine.audit.filters')}
      </Button>
      <Group gap="sm" mb="md" align="flex-end" className={classes.filters} data-shown={shown || undefined}>
        <Typed name="text" label={t('spine.audit.search')} placeholder={t('spine.audit.searchExample')} filters={filters} change={change} />
        <Select
          label={t('spine.audit.actor')}
          placeholder={t('spine.audit.anybody')}
          data={known ? people : [...people, { value: actor, label: actor }]}
          value={actor ?? null}
          onChange={(value) => change({ actor: value ?? '' })}
          searchable
          clearable
          style={WIDTH}
        />
        <Select
          label={t('spine.audit.area')}
          placeholder={t('spine.audit.everything')}
          data={area === undefined || areas.some(({ value }) => value === area) ? areas : [...areas, { value: area, label: area }]}
          value={area ?? null}
          onChange={(value) => change({ action: value ?? '' })}
          clearable
          style={WIDTH}
        />
        <Select
          label={t('spine.audit.outcome')}
          placeholder={t('spine.audit.anyOutcome')}
          data={[
            { value: 'done', label: t('spine.audit.done') },
            { value: 'refused', label: t('spine.audit.refused') },
          ]}
          value={filters.outcome ?? null}
          onChange={(value) => change({ outcome: value ?? '' })}
          clearable
          style={WIDTH}
        />
        <TextInput type="date" label={t('spine.audit.since')} value={filters.since ?? ''} onChange={(event) => change({ since: event.currentTarget.value })} style={WIDTH} />
        <TextInput type="date" label={t('spine.audit.until')} value={filters.until ?? ''} onChange={(event) => change({ until: event.currentTarget.value })} style={WIDTH} />
        <Typed name="subject" label={t('spine.audit.subject')} placeholder={t('spine.audit.subjectExample')} filters={filters} change={change} />
        {tenant.kind !== 'customer' && (
          <Switch label={t('spine.audit.below')} checked={filters.scope === 'subtree'} onChange={(event) => change({ scope: event.currentTarget.checked ? 'subtree' : '' })} mb={8} />
        )}
        {set > 0 && (
          <Button variant="default" onClick={() => change(none)}>
            {t('spine.audit.clear')}
          </Button>
        )}
      </Group>
    </>
  );
}

/** Looks only when somebody has stopped typing. */
function Typed({ name, label, placeholder, filters, change }: Props & { name: Filter; label: string; placeholder: string }) {
  const settled = filters[name] ?? '';
  const [text, setText] = useState(settled);
  useEffect(() => setText(settled), [settled]);
  const settle = useDebouncedCallback((value: string) => change({ [name]: value.trim() }), 300);
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        settle(event.currentTarget.value);
      }}
      style={WIDTH}
    />
  );
}
