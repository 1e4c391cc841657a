import { Modal, type ModalProps } from '@mantine/core';
import { t } from '@/i18n';
import { useFocusBack } from './focus';

/** Asks for something over the page; the keyboard comes back to where it was. */
export function Dialog(props: ModalProps) {
  useFocusBack(props.opened);
  return <Modal closeButtonProps={{ 'aria-label': t('ui.action.close') }} {...props} />;
}
