import { Suspense, useState } from 'react';
import { lazyDialog } from './lazyDialog';
import type { ConfirmProps } from './ConfirmDialog';

const Dialog = lazyDialog(() => import('./ConfirmDialog'), 'ConfirmDialog');

/** Asks before something dies. The dialogue is loaded when it is first opened. */
export function ConfirmDelete(props: ConfirmProps) {
  const [used, setUsed] = useState(props.opened);
  if (props.opened && !used) setUsed(true);
  if (!used) return null;
  return (
    <Suspense fallback={null}>
      <Dialog {...props} />
    </Suspense>
  );
}
