import { useSyncExternalStore } from 'react';
import type { Api } from '@/api/client';
import { storage } from '@/api/storage';
import { uploadFile, type UploadMemory } from '@/api/uploader';
import { queryClient } from '@/queryClient';
import { invalidatePaths } from '@/api/query';
import { SITES, createRelease, uploadTransport } from './queries';

/** A file on its way to becoming a release. It lives outside of the pages, so that leaving one does not stop it. */
export interface Deploy {
  filename: string;
  size: number;
  sent: number;
  phase: 'sending' | 'waiting' | 'publishing' | 'published' | 'failed';
  operation: string | null;
  error: unknown;
  cancel: () => void;
}

const deploys = new Map<string, Deploy>();
const listeners = new Set<() => void>();

function put(site: string, deploy: Deploy | null): void {
  if (deploy) deploys.set(site, deploy);
  else deploys.delete(site);
  for (const listener of listeners) listener();
}

export function useDeploy(site: string): Deploy | undefined {
  return useSyncExternalStore(subscribe, () => deploys.get(site));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function dismissDeploy(site: string): void {
  put(site, null);
}

/** Sends the file, then asks for the release; what happens after that is an operation of the server. */
export async function deploy(api: Api, site: string, file: File, activate: boolean): Promise<void> {
  const abort = new AbortController();
  let state: Deploy = {
    filename: file.name,
    size: file.size,
    sent: 0,
    phase: 'sending',
    operation: null,
    error: null,
    cancel: () => abort.abort(),
  };
  const update = (change: Partial<Deploy>) => {
    state = { ...state, ...change };
    put(site, state);
  };
  update({});
  window.addEventListener('beforeunload', warn);
  try {
    const upload = await uploadFile(file, site, uploadTransport(api, site), memory, abort.signal, {
      onProgress: (sent) => update({ sent }),
      onWaiting: (waiting) => update({ phase: waiting ? 'waiting' : 'sending' }),
    });
    update({ phase: 'publishing' });
    const { operation_id } = await createRelease(api, site, { upload_id: upload, activate });
    update({ phase: 'published', operation: operation_id });
    await invalidatePaths(queryClient, SITES);
  } catch (error) {
    if (abort.signal.aborted) put(site, null);
    else update({ phase: 'failed', error });
  } finally {
    window.removeEventListener('beforeunload', warn);
  }
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** Without storage an upload only cannot be resumed after a reload. */
const memory: UploadMemory = { ...storage, get: (key) => storage.get(key) ?? null };

const ARCHIVE = /\.(zip|tar\.gz|tgz)$/i;

export function isArchive(filename: string): boolean {
  return ARCHIVE.test(filename);
}
