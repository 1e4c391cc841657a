import { act, cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { useFocusBack } from '@/ui/focus';

function Asks() {
  useFocusBack(true);
  return <button role="dialog">inside</button>;
}

function Page({ asks, trigger = true }: { asks: boolean; trigger?: boolean }) {
  return (
    <main id="content" tabIndex={-1}>
      {trigger && <button>open</button>}
      <button>elsewhere</button>
      {asks && <Asks />}
    </main>
  );
}

describe('the focus after a dialogue', () => {
  afterEach(cleanup);

  const open = () => {
    const page = render(<Page asks={false} />);
    act(() => screen.getByText('open').focus());
    page.rerender(<Page asks />);
    act(() => screen.getByText('inside').focus());
    return page;
  };

  it('is where it was before', async () => {
    open().rerender(<Page asks={false} />);
    await waitFor(() => expect(document.activeElement).toBe(screen.getByText('open')));
  });

  it('is in the page when what opened it is gone', async () => {
    open().rerender(<Page asks={false} trigger={false} />);
    await waitFor(() => expect(document.activeElement?.id).toBe('content'));
  });

  it('stays where something else has put it', async () => {
    const page = open();
    act(() => screen.getByText('elsewhere').focus());
    page.rerender(<Page asks={false} />);
    await new Promise((resolve) => setTimeout(resolve));
    expect(document.activeElement).toBe(screen.getByText('elsewhere'));
  });
});
