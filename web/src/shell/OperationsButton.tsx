import { ListChecks } from 'lucide-react';
import { Suspense, lazy, useState } from 'react';
import { useActing } from '@/api/acting';
import { isRunning, useOperations } from '@/api/operations';
import { t } from '@/i18n';
import classes from './Shell.module.css';

const OperationsDrawer = lazy(() => import('./OperationsList').then((module) => ({ default: module.OperationsDrawer })));

export function OperationsButton() {
  const { id } = useActing();
  const [open, setOpen] = useState<boolean | null>(null);
  const operations = useOperations(id);
  const running = operations.data?.items.filter(isRunning).length ?? 0;
  const label = running > 0 ? t('shell.operations.running', { count: running }) : t('shell.operations.title');
  return (
    <>
      <button type="button" className={classes.icon} onClick={() => setOpen(true)} aria-label={label} title={label}>
        <ListChecks size={19} aria-hidden />
        {running > 0 && (
          <span className={classes.count} aria-hidden>
            {running}
          </span>
        )}
      </button>
      {open !== null && (
        <Suspense fallback={null}>
          <OperationsDrawer opened={open} close={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
