import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useActing } from '@/api/acting';
import { unwrap } from '@/api/client';
import { getQuery, useWrite } from '@/api/query';
import type { AuditEntry } from '@/api/types';
import { t } from '@/i18n';
import { ConfirmDelete } from '@/ui/ConfirmDelete';
import { facts, type Directory } from '@/ui/directory';
import { ErrorNotice } from '@/ui/feedback';
import { toast } from '@/ui/toast';
import { Facts } from './Facts';
import classes from './audit.module.css';
import { fieldName } from './changes';

/** What an entry tells of people beside their ids; and the way to have it forgotten. */
export function FromWhere({ entry, who, directory }: { entry: AuditEntry; who: string; directory: Directory }) {
  const { id, can } = useActing();
  const here = entry.tenant_id === id;
  const details = useQuery({ ...getQuery(id, '/api/v1/audit/{audit_id}/details', { path: { audit_id: entry.id } }), enabled: here && entry.has_details });
  if (!entry.has_details) return null;
  const { origin, facts: personal } = details.data ?? { origin: null, facts: null };
  return (
    <section aria-label={t('spine.audit.fromWhere')}>
      <h3 className={classes.heading}>{t('spine.audit.fromWhere')}</h3>
      {!here && <p className="mp-plain mp-dim">{t('spine.audit.elsewhere')}</p>}
      {details.error && <ErrorNotice error={details.error} />}
      {origin?.erased && <p className="mp-plain mp-dim">{t('spine.audit.erased')}</p>}
      <Facts
        facts={[
          [t('spine.audit.address'), origin?.address],
          [t('spine.audit.device'), origin?.user_agent],
          [t('spine.audit.credential'), origin?.credential && <Credential key="credential" id={origin.credential} name={directory.name(origin.credential)} />],
          [t('spine.audit.personal'), personal?.erased ? t('spine.audit.erased') : null],
          ...Object.entries(facts(personal?.values)).map(([field, value]): [string, string] => [fieldName(field), String(value)]),
        ]}
      />
      {here && entry.user_id && !origin?.erased && can('audit:erase') && <Erase person={entry.user_id} name={who} />}
    </section>
  );
}

/** What was shown, in words; its id, which other entries share, is for those who point at it. */
function Credential({ id, name }: { id: string; name?: string | undefined }) {
  if (id.startsWith('ses_')) return <span title={id}>{t('spine.audit.bySession')}</span>;
  return <span title={id}>{name === undefined ? t('spine.audit.byToken') : t('ui.story.token', { name })}</span>;
}

function Erase({ person, name }: { person: string; name: string }) {
  const { api } = useActing();
  const [asking, control] = useDisclosure(false);
  const erase = useWrite(() => unwrap(api.DELETE('/api/v1/audit/people/{user_id}', { params: { path: { user_id: person } } })), ['/api/v1/audit']);
  return (
    <>
      <Button size="compact-sm" variant="default" color="red" mt="sm" onClick={control.open}>
        {t('spine.audit.erase')}
      </Button>
      <ConfirmDelete
        opened={asking}
        close={control.close}
        title={t('spine.audit.eraseTitle', { name })}
        name={name}
        action={t('spine.audit.erase')}
        run={async () => {
          await erase.mutateAsync(undefined);
          toast(t('spine.audit.eraseDone'));
        }}
      >
        {t('spine.audit.eraseText')}
      </ConfirmDelete>
    </>
  );
}
