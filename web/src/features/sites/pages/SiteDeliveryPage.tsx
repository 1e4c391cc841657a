import { Button, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useActing } from '@/api/acting';
import { ApiError } from '@/api/problem';
import { getQuery, useWrite } from '@/api/query';
import { t } from '@/i18n';
import { ApiPanel } from '@/ui/ApiPanel';
import { ErrorNotice, Loading, errorText } from '@/ui/feedback';
import { FormProblem, fieldText } from '@/ui/form';
import { toast } from '@/ui/toast';
import { Access } from '../components/delivery/Access';
import { Answers } from '../components/delivery/Answers';
import classes from '../components/delivery/delivery.module.css';
import { toBody, toDraft, type Delivery, type SetDelivery } from '../components/delivery/draft';
import { Purge } from '../components/delivery/Purge';
import { Headers } from '../components/delivery/Headers';
import { Redirects } from '../components/delivery/Redirects';
import { Security } from '../components/delivery/Security';
import { SiteFrame } from '../components/SiteFrame';
import { SITES, setDelivery, type Site } from '../queries';

export function SiteDeliveryPage() {
  return <SiteFrame>{(site) => <Loaded site={site} />}</SiteFrame>;
}

function Loaded({ site }: { site: Site }) {
  const { id: tenant } = useActing();
  const { data, error, refetch } = useQuery({ ...getQuery(tenant, '/api/v1/sites/{site_id}/delivery', { path: { site_id: site.id } }), refetchOnWindowFocus: false });
  if (!data) return error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />;
  // Somebody else's change begins the form anew; one's own is what is shown already.
  return <Form key={data.version} site={site} was={data} />;
}

function Form({ site, was }: { site: Site; was: Delivery }) {
  const { id: tenant, api, can } = useActing();
  const [draft, setDraft] = useState(() => toDraft(was));
  const [errors, setErrors] = useState<ApiError['errors']>([]);
  const [problem, setProblem] = useState<string[]>([]);
  const write = useWrite((body: SetDelivery) => setDelivery(api, site.id, was, body), SITES);
  const may = can('sites:write') && site.state === 'active';
  const body = toBody(draft, was);
  const changed = JSON.stringify(body) !== JSON.stringify(toBody(toDraft(was), was));
  const error = (pointer: string) => {
    const found = errors.filter((item) => item.pointer === pointer || item.pointer.startsWith(`${pointer}/`));
    return found.length > 0 ? found.map(fieldText).join(' ') : undefined;
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setProblem([]);
    setErrors([]);
    try {
      await write.mutateAsync(body);
      toast(t('sites.delivery.saved'));
    } catch (failure) {
      const fields = failure instanceof ApiError ? failure.errors : [];
      setErrors(fields);
      setProblem([fields.length > 0 ? t('sites.delivery.wrong') : errorText(failure)]);
    }
  };
  const part = { disabled: !may, error };
  return (
    <>
      <form onSubmit={(event) => void save(event)} noValidate>
        <Answers value={draft} set={setDraft} {...part} />
        <Redirects value={draft.redirects} set={(redirects) => setDraft({ ...draft, redirects })} {...part} />
        <Headers value={draft.headers} set={(headers) => setDraft({ ...draft, headers })} {...part} />
        <Access value={draft} set={setDraft} {...part} />
        <Security value={draft} set={setDraft} {...part} />
        <div className={classes.bar}>
          <FormProblem messages={problem} />
          {may ? (
            <Group gap="xs">
              <Button type="submit" loading={write.isPending} disabled={!changed}>
                {t('ui.action.save')}
              </Button>
              <Text size="sm" c="dimmed">
                {t(changed ? 'sites.delivery.unsaved' : 'sites.delivery.nothingToSave')}
              </Text>
            </Group>
          ) : (
            <Text c="dimmed">{t('sites.readOnly')}</Text>
          )}
        </div>
        <ApiPanel tenant={tenant} example={{ method: 'PUT', path: `/api/v1/sites/${site.id}/delivery`, body, cli: ['site', 'delivery', site.id, '--file', 'delivery.json'] }} />
      </form>
      {was.cache && was.cache.mode !== 'off' && can('sites:write') && <Purge site={site} />}
    </>
  );
}
