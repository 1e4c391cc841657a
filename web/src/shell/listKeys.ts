import { useEffect, useId, useState, type KeyboardEvent } from 'react';

/**
 * A list below a search field: arrow keys move through it, Enter chooses, and the field tells screen readers which
 * entry is meant (the combobox pattern of the ARIA practices), because the focus stays in the field.
 */
export function useListKeys(length: number, choose: (index: number) => void) {
  const list = useId();
  const [chosen, setActive] = useState(0);
  const active = Math.min(chosen, Math.max(0, length - 1));
  const optionId = (index: number) => `${list}-${index}`;

  useEffect(() => {
    document.getElementById(`${list}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [list, active]);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && length > 0) {
      event.preventDefault();
      setActive((active + step + length) % length);
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault();
      choose(active);
    }
  };
  return {
    reset: () => setActive(0),
    field: {
      role: 'combobox',
      'aria-expanded': true,
      'aria-controls': list,
      'aria-autocomplete': 'list' as const,
      'aria-activedescendant': length > 0 ? optionId(active) : undefined,
      onKeyDown,
    },
    list: { id: list, role: 'listbox' },
    option: (index: number) => ({ id: optionId(index), role: 'option', 'aria-selected': index === active, tabIndex: -1, onClick: () => choose(index) }),
  };
}
