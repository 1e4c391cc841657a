import { Button } from '@mantine/core';
import { UploadCloud } from 'lucide-react';
import { useRef, useState, type DragEvent } from 'react';
import { t } from '@/i18n';
import { isArchive } from '../uploads';
import classes from './DropZone.module.css';

/** Takes one archive, dropped or chosen. */
export function DropZone({ onFile, first }: { onFile: (file: File) => void; first: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const take = (files: FileList | null) => {
    const file = files?.[0];
    if (!file) return;
    if (files.length > 1) return setProblem(t('sites.upload.one'));
    if (!isArchive(file.name)) return setProblem(t('sites.upload.kind', { name: file.name }));
    if (file.size === 0) return setProblem(t('sites.upload.empty', { name: file.name }));
    setProblem(null);
    onFile(file);
  };
  const drag = (inside: boolean) => (event: DragEvent) => {
    event.preventDefault();
    setOver(inside);
  };

  return (
    <div
      className={classes.zone}
      data-over={over || undefined}
      onDragEnter={drag(true)}
      onDragOver={drag(true)}
      onDragLeave={drag(false)}
      onDrop={(event) => {
        drag(false)(event);
        take(event.dataTransfer.files);
      }}
    >
      <UploadCloud size={26} strokeWidth={1.6} aria-hidden />
      <div className={classes.text}>
        <strong>{t(first ? 'sites.upload.firstTitle' : 'sites.upload.nextTitle')}</strong>
        <span>{t('sites.upload.hint')}</span>
      </div>
      <Button variant={first ? 'filled' : 'default'} onClick={() => input.current?.click()}>
        {t('sites.upload.choose')}
      </Button>
      <input
        ref={input}
        type="file"
        className={classes.input}
        accept=".zip,.tar.gz,.tgz,application/zip,application/gzip"
        aria-label={t('sites.upload.choose')}
        tabIndex={-1}
        onChange={(event) => {
          take(event.currentTarget.files);
          // The same file can be chosen again after a failure.
          event.currentTarget.value = '';
        }}
      />
      {problem && (
        <div className={classes.problem} role="alert">
          {problem}
        </div>
      )}
    </div>
  );
}
