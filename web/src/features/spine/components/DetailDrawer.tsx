import { Drawer } from '@mantine/core';
import type { AuditEntry } from '@/api/types';
import { t } from '@/i18n';
import type { Directory } from '@/ui/directory';
import { useFocusBack } from '@/ui/focus';
import { Detail } from './Detail';

interface Props {
  /** None while it is closed. */
  entry: AuditEntry | null;
  directory: Directory;
  narrow: (filter: 'subject' | 'actor', value: string) => void;
  close: () => void;
}

export function DetailDrawer({ entry, directory, narrow, close }: Props) {
  useFocusBack(entry !== null);
  return (
    <Drawer opened={entry !== null} onClose={close} position="right" size={520} title={t('spine.audit.one')} closeButtonProps={{ 'aria-label': t('ui.action.close') }}>
      {entry && <Detail entry={entry} directory={directory} narrow={narrow} />}
    </Drawer>
  );
}
