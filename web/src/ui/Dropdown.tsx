import { useClickOutside, useFocusTrap, useMergedRef } from '@mantine/hooks';
import { useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import classes from './Dropdown.module.css';

interface Props {
  /** Accessible name of what opens. */
  label: string;
  side?: 'start' | 'end';
  width: number;
  buttonClass?: string;
  button: ReactNode;
  buttonLabel?: string;
  /** A menu's items are moved through by arrow keys; a dialog holds whatever it likes. */
  kind: 'menu' | 'dialog';
  children: (close: () => void) => ReactNode;
}

/** Opens below its button. The shell uses this instead of a positioning library, which would weigh on every first load. */
export function Dropdown({ label, side = 'start', width, buttonClass, button, buttonLabel, kind, children }: Props) {
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLButtonElement>(null);
  const close = () => setOpen(false);
  const outside = useClickOutside(close, null);
  const trap = useFocusTrap(open);
  const panel = useMergedRef(trap);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.key === 'Escape' && open) {
      close();
      trigger.current?.focus();
    }
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (kind !== 'menu' || step === 0 || !open) return;
    event.preventDefault();
    const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=menuitem]')];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
  };

  return (
    <div className={classes.root} ref={outside} onKeyDown={onKeyDown}>
      <button ref={trigger} type="button" className={buttonClass} aria-label={buttonLabel} title={buttonLabel} aria-haspopup={kind} aria-expanded={open} onClick={() => setOpen(!open)}>
        {button}
      </button>
      {open && (
        <div ref={panel} className={classes.panel} data-side={side} role={kind} aria-label={label} style={{ width }}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
