import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '@/api/problem';
import { useApiForm } from '@/ui/form';
import { optional, z } from '@/ui/rules';

const schema = z.object({ owner: z.object({ email: optional() }), limits: z.record(z.string(), z.number()) });

/** `owner.email` is on the screen, `owner` and `limits.disk` are parts of the body only. */
function Form({ pointers }: { pointers: string[] }) {
  const form = useApiForm({
    schema,
    defaults: { owner: { email: '' }, limits: { sites: 1 } as Record<string, number> },
    submit: async () => {
      throw new ApiError({ status: 422, errors: pointers.map((pointer) => ({ pointer, code: 'x', message: `about ${pointer}` })) });
    },
  });
  return (
    <form onSubmit={form.send}>
      <input aria-label="email" {...form.register('owner.email')} />
      <input aria-label="limits" {...form.register('limits')} />
      <p data-testid="email">{form.error('owner.email')}</p>
      <p data-testid="limit">{form.error('limits.sites')}</p>
      <p data-testid="problem">{form.problem.join()}</p>
      <button>send</button>
    </form>
  );
}

const send = async (...pointers: string[]) => {
  render(<Form pointers={pointers} />);
  fireEvent.click(screen.getByRole('button'));
  await waitFor(() => expect(document.body.textContent).toContain('About'));
  return (id: string) => screen.getByTestId(id).textContent;
};

describe('errors of the API in a form', () => {
  afterEach(cleanup);

  it('appear at the field they name, however deep it is', async () => {
    const text = await send('/owner/email');
    expect(text('email')).toBe('About /owner/email');
    expect(text('problem')).toBe('');
  });

  it('appear at the part of a value they name', async () => {
    expect((await send('/limits/sites'))('limit')).toBe('About /limits/sites');
  });

  it('appear above the form where it has no such field', async () => {
    expect((await send('/owner'))('problem')).toBe('About /owner');
  });
});
