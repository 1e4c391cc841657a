import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useActing } from '@/api/acting';
import { unwrap } from '@/api/client';
import { getQuery, invalidatePaths, useWrite } from '@/api/query';
import { useMe } from '@/api/session';
import { t } from '@/i18n';
import { tenantPaths } from '@/ui/paths';
import { toast } from '@/ui/toast';
import { minutesLeft } from './assumption';
import classes from './Shell.module.css';

const TICK_MS = 15_000;

/** Why and for how long the user still acts for somebody else, and the way out. */
export function OpenAssumption() {
  const { id, api, can } = useActing();
  const me = useMe();
  const navigate = useNavigate();
  const { data } = useQuery({ ...getQuery(id, '/api/v1/tenants/{tenant_id}/assumptions', { path: { tenant_id: id } }), enabled: can('support:read') });
  const open = data?.items.find(({ state, user }) => state === 'open' && user.id === me.user.id);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  const client = useQueryClient();
  const left = open ? minutesLeft(open.expires_at, now) : null;
  useEffect(() => {
    // Then the page asks why once more.
    if (left === 0) void invalidatePaths(client, ['/api/v1/tenants']);
  }, [left, client]);
  const end = useWrite(
    (assumption: string) => unwrap(api.DELETE('/api/v1/tenants/{tenant_id}/assumptions/{assumption_id}', { params: { path: { tenant_id: id, assumption_id: assumption } } })),
    ['/api/v1/tenants'],
  );
  if (!open) return null;
  const leave = async () => {
    await end.mutateAsync(open.id);
    toast(t('shell.assume.ended'));
    await navigate({ to: tenantPaths(me.home_tenant.id).overview });
  };
  return (
    <span className={classes.assumption}>
      <span>{t('shell.assume.open', { reason: open.reason, count: left ?? 0 })}</span>
      <Button size="compact-sm" variant="default" loading={end.isPending} onClick={() => void leave()}>
        {t('shell.assume.end')}
      </Button>
    </span>
  );
}
