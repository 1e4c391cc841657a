import { Drawer } from '@mantine/core';
import { t } from '@/i18n';
import { useFocusBack } from '@/ui/focus';
import { Rail } from './Rail';

/** The rail on a narrow screen. */
export function RailDrawer({ opened, close }: { opened: boolean; close: () => void }) {
  useFocusBack(opened);
  return (
    <Drawer.Root opened={opened} onClose={close} size={264}>
      <Drawer.Overlay />
      <Drawer.Content aria-label={t('shell.nav.label')}>
        <Rail onNavigate={close} />
      </Drawer.Content>
    </Drawer.Root>
  );
}
