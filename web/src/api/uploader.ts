import { ApiError, NetworkError } from './problem';

/** Upload state on the server: how far it has stored the file. */
export interface UploadState {
  id: string;
  offset: number;
  size: number;
}

/** The four calls an upload needs; the real ones are in the sites feature, tests give their own. */
export interface UploadTransport {
  create(filename: string, size: number): Promise<UploadState>;
  /** `null` when the server no longer knows the upload. */
  status(id: string): Promise<UploadState | null>;
  /** Stores a piece at `offset` and returns the new offset. */
  append(id: string, offset: number, piece: Blob, signal: AbortSignal): Promise<number>;
  remove(id: string): Promise<void>;
}

/** Remembers unfinished uploads over a reload of the page. */
export interface UploadMemory {
  get(key: string): string | null;
  set(key: string, id: string): void;
  remove(key: string): void;
}

export interface UploadOptions {
  chunkBytes?: number;
  /** Failures in a row, without a byte of progress between them, after which the upload stops and asks. */
  maxFailures?: number;
  wait?: (failures: number, signal: AbortSignal) => Promise<void>;
  onProgress?: (sent: number, total: number) => void;
  onWaiting?: (waiting: boolean) => void;
}

const CHUNK = 8 * 1024 * 1024;
/** Pieces begin small, so that progress shows on a slow line, and grow on a fast one, where each costs a round trip. */
const FIRST_CHUNK = 256 * 1024;
const QUICK_MS = 500;

/** The same file chosen again continues where it stopped; a changed file starts over. */
export function uploadKey(scope: string, file: Pick<File, 'name' | 'size' | 'lastModified'>): string {
  return `mpanel-upload:${scope}:${file.name}:${file.size}:${file.lastModified}`;
}

/**
 * Sends a file in pieces and returns the id of the finished upload. After a broken connection the server is asked how
 * far it got: its answer, never our own count, decides where to go on.
 */
export async function uploadFile(
  file: File,
  scope: string,
  transport: UploadTransport,
  memory: UploadMemory,
  signal: AbortSignal,
  options: UploadOptions = {},
): Promise<string> {
  const { chunkBytes = CHUNK, maxFailures = 8, wait = waitForNetwork, onProgress, onWaiting } = options;
  const key = uploadKey(scope, file);
  let upload = await resume(file, key, transport, memory);
  let failures = 0;
  let size = Math.min(FIRST_CHUNK, chunkBytes);

  for (;;) {
    signal.throwIfAborted();
    try {
      upload ??= await begin(file, key, transport, memory);
      onWaiting?.(false);
      onProgress?.(upload.offset, file.size);
      if (upload.offset >= file.size) {
        memory.remove(key);
        return upload.id;
      }
      const piece = file.slice(upload.offset, upload.offset + size);
      const begun = Date.now();
      const offset = await transport.append(upload.id, upload.offset, piece, signal);
      if (Date.now() - begun < QUICK_MS) size = Math.min(size * 2, chunkBytes);
      if (offset > upload.offset) failures = 0;
      upload = { ...upload, offset };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isRetryable(error, upload !== null)) {
        memory.remove(key);
        throw error;
      }
      failures += 1;
      if (failures > maxFailures) throw error;
      onWaiting?.(true);
      await wait(failures, signal);
      if (upload) upload = await ask(upload, transport);
      if (!upload) memory.remove(key);
    }
  }
}

async function resume(file: File, key: string, transport: UploadTransport, memory: UploadMemory) {
  const id = memory.get(key);
  if (!id) return null;
  const known = await transport.status(id).catch(() => null);
  if (known && known.size === file.size) return known;
  memory.remove(key);
  return null;
}

async function begin(file: File, key: string, transport: UploadTransport, memory: UploadMemory): Promise<UploadState> {
  const upload = await transport.create(file.name, file.size);
  memory.set(key, upload.id);
  return upload;
}

/** `null` when the server lost the upload: it begins anew. Still unreachable: we keep what we knew and try again. */
async function ask(upload: UploadState, transport: UploadTransport): Promise<UploadState | null> {
  try {
    return await transport.status(upload.id);
  } catch {
    return upload;
  }
}

function isRetryable(error: unknown, started: boolean): boolean {
  if (error instanceof NetworkError) return true;
  if (!(error instanceof ApiError)) return false;
  // 409: our offset is not the server's (a lost answer); 404/410: the upload is gone; both are settled by asking.
  if (started && [404, 409, 410].includes(error.status)) return true;
  return error.status === 408 || error.status === 429 || error.status >= 500;
}

/** Backs off up to 15 s; while the browser is offline it waits for the network instead. */
export function waitForNetwork(failures: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = navigator.onLine ? setTimeout(done, Math.min(15_000, 500 * 2 ** failures)) : null;
    function cleanUp() {
      if (timer) clearTimeout(timer);
      window.removeEventListener('online', done);
      signal.removeEventListener('abort', abort);
    }
    function done() {
      cleanUp();
      resolve();
    }
    function abort() {
      cleanUp();
      reject(signal.reason as Error);
    }
    window.addEventListener('online', done);
    signal.addEventListener('abort', abort);
  });
}
