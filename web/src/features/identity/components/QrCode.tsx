import { useMemo } from 'react';
import { encode } from 'uqr';
import { t } from '@/i18n';

/** Drawn here: the secret inside never leaves the page. */
export function QrCode({ text }: { text: string }) {
  const { size, path } = useMemo(() => {
    const { data, size: side } = encode(text, { border: 0 });
    const squares = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
    return { size: side, path: squares.join('') };
  }, [text]);
  return (
    <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t('identity.totp.qr')} shapeRendering="crispEdges">
      <path d={path} fill="#000" />
    </svg>
  );
}
