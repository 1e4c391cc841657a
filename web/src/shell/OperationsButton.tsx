import { ActionIcon, Drawer, Indicator, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { ListChecks } from 'lucide-react';
import { Suspense, lazy } from 'react';
import { useActing } from '@/api/acting';
import { isRunning, useOperations } from '@/api/operations';
import { t } from '@/i18n';
import { Loading } from '@/ui/feedback';

const OperationsList = lazy(() => import('./OperationsList').then((module) => ({ default: module.OperationsList })));

export function OperationsButton() {
  const { id } = useActing();
  const [opened, { open, close }] = useDisclosure(false);
  const operations = useOperations(id);
  const running = operations.data?.items.filter(isRunning).length ?? 0;
  const label = running > 0 ? t('shell.operations.running', { count: running }) : t('shell.operations.title');
  return (
    <>
      <Tooltip label={label}>
        <Indicator disabled={running === 0} label={running} size={16} offset={5} processing>
          <ActionIcon variant="subtle" color="gray" size="lg" onClick={open} aria-label={label}>
            <ListChecks size={19} />
          </ActionIcon>
        </Indicator>
      </Tooltip>
      <Drawer opened={opened} onClose={close} position="right" size={420} title={t('shell.operations.title')} closeButtonProps={{ 'aria-label': t('ui.action.close') }}>
        <Suspense fallback={<Loading />}>
          <OperationsList />
        </Suspense>
      </Drawer>
    </>
  );
}
