import { Button, CloseButton, Progress, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useActing } from '@/api/acting';
import { isRunning, useOperation } from '@/api/operations';
import { invalidatePaths } from '@/api/query';
import { t } from '@/i18n';
import { OperationSteps } from '@/ui/OperationSteps';
import { ErrorNotice } from '@/ui/feedback';
import { bytes } from '@/ui/format';
import { OutLink } from '@/ui/links';
import { StateBadge } from '@/ui/state';
import { SITES, type Site } from '../queries';
import { dismissDeploy, type Deploy } from '../uploads';
import classes from './DropZone.module.css';

/** One card from the first byte to the site being live. */
export function DeployCard({ site, deploy, retry }: { site: Site; deploy: Deploy; retry?: () => void }) {
  const sending = deploy.phase === 'sending' || deploy.phase === 'waiting';
  const share = deploy.size > 0 ? (deploy.sent / deploy.size) * 100 : 100;
  return (
    <div className={classes.deploy} role="status">
      <div className={classes.deployHead}>
        <span className={classes.deployName}>{deploy.filename}</span>
        <span className="mp-dim mp-num">{sending ? t('ui.progressOf', { done: bytes(deploy.sent), total: bytes(deploy.size) }) : bytes(deploy.size)}</span>
        {sending && (
          <Button size="compact-sm" variant="default" onClick={deploy.cancel}>
            {t('ui.action.cancel')}
          </Button>
        )}
        {(deploy.phase === 'failed' || deploy.phase === 'published') && <CloseButton size="sm" aria-label={t('ui.action.close')} onClick={() => dismissDeploy(site.id)} />}
      </div>
      {sending && <Progress value={share} size={6} animated={deploy.phase === 'sending'} aria-label={t('sites.upload.progress')} />}
      {deploy.phase === 'waiting' && (
        <Text size="sm" c="var(--mp-warn)" mt={6}>
          {t('sites.upload.waiting')}
        </Text>
      )}
      {deploy.phase === 'publishing' && <Text size="sm">{t('sites.upload.publishing')}</Text>}
      {deploy.phase === 'failed' && <ErrorNotice error={deploy.error} retry={retry} />}
      {deploy.operation && <DeployOperation site={site} operation={deploy.operation} />}
    </div>
  );
}

function DeployOperation({ site, operation: id }: { site: Site; operation: string }) {
  const { id: tenant } = useActing();
  const client = useQueryClient();
  const { data: operation, error } = useOperation(tenant, id);
  const finished = operation !== undefined && !isRunning(operation);
  useEffect(() => {
    if (finished) void invalidatePaths(client, SITES);
  }, [finished, client]);

  if (!operation) return error ? <ErrorNotice error={error} /> : null;
  return (
    <>
      <OperationSteps operation={operation} />
      {operation.state === 'succeeded' && (
        <Text size="md" mt="sm">
          <StateBadge state="live">{t('sites.upload.live')}</StateBadge> <OutLink href={site.url ?? site.preview_url} />
        </Text>
      )}
      {operation.state === 'failed' && (
        <Text size="sm" mt="sm" c="dimmed">
          {t(site.active_release_id ? 'sites.upload.failedKept' : 'sites.upload.failedFirst')}
        </Text>
      )}
    </>
  );
}
