import { Button, type ButtonProps } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { ExternalLink } from 'lucide-react';
import type { ReactNode } from 'react';

export function TextLink({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link to={to} className="mp-link">
      {children}
    </Link>
  );
}

export function ButtonLink({ to, children, ...props }: ButtonProps & { to: string; children: ReactNode }) {
  return (
    <Button component={Link} to={to} {...props}>
      {children}
    </Button>
  );
}

/** A link out of the panel, to a served site. */
export function OutLink({ href, children }: { href: string; children?: ReactNode }) {
  return (
    <a className="mp-link mp-break mp-ltr" href={href} target="_blank" rel="noreferrer">
      {children ?? href.replace(/^https?:\/\//, '').replace(/\/$/, '')}
      <ExternalLink size={13} aria-hidden style={{ marginInlineStart: 4, verticalAlign: '-1px' }} />
    </a>
  );
}
