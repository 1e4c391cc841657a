import { describe, expect, it, vi } from 'vitest';
import { ApiError, NetworkError } from '@/api/problem';
import { uploadFile, uploadKey, type UploadMemory, type UploadState, type UploadTransport } from '@/api/uploader';

const CHUNK = 4;

function server(size: number) {
  const uploads = new Map<string, UploadState>();
  const pieces: { offset: number; length: number }[] = [];
  const failures: (Error | 'lost answer')[] = [];
  const transport: UploadTransport = {
    create: async () => {
      const upload = { id: `upl_${uploads.size + 1}`, offset: 0, size };
      uploads.set(upload.id, upload);
      return { ...upload };
    },
    status: async (id) => {
      const upload = uploads.get(id);
      return upload ? { ...upload } : null;
    },
    append: async (id, offset, piece) => {
      const failure = failures.shift();
      if (failure instanceof Error) throw failure;
      const upload = uploads.get(id);
      if (!upload) throw new ApiError({ status: 404 });
      if (upload.offset !== offset) throw new ApiError({ status: 409 });
      upload.offset += piece.size;
      pieces.push({ offset, length: piece.size });
      if (failure === 'lost answer') throw new NetworkError(new Error('reset'));
      return upload.offset;
    },
    remove: async () => undefined,
  };
  return { uploads, pieces, failures, transport };
}

function memory(): UploadMemory & { map: Map<string, string> } {
  const map = new Map<string, string>();
  return { map, get: (key) => map.get(key) ?? null, set: (key, id) => void map.set(key, id), remove: (key) => void map.delete(key) };
}

const file = (length: number) => new File(['x'.repeat(length)], 'site.zip', { lastModified: 1 });
const options = { chunkBytes: CHUNK, wait: async () => undefined };
const go = () => new AbortController().signal;

describe('uploadFile', () => {
  it('sends a file in pieces at rising offsets', async () => {
    const { transport, pieces } = server(10);
    const store = memory();
    const progress: number[] = [];
    const id = await uploadFile(file(10), 'site_1', transport, store, go(), { ...options, onProgress: (sent) => progress.push(sent) });
    expect(id).toBe('upl_1');
    expect(pieces).toEqual([{ offset: 0, length: 4 }, { offset: 4, length: 4 }, { offset: 8, length: 2 }]);
    expect(progress).toEqual([0, 4, 8, 10]);
    expect(store.map.size).toBe(0);
  });

  it('goes on from the offset of the server when an answer was lost', async () => {
    const { transport, pieces, failures } = server(10);
    failures.push('lost answer');
    await uploadFile(file(10), 'site_1', transport, memory(), go(), options);
    expect(pieces.map(({ offset }) => offset)).toEqual([0, 4, 8]);
  });

  it('asks for the offset after a conflict instead of failing', async () => {
    const { transport, failures, pieces } = server(8);
    failures.push(new ApiError({ status: 409 }));
    await uploadFile(file(8), 'site_1', transport, memory(), go(), options);
    expect(pieces).toHaveLength(2);
  });

  it('resumes an upload remembered from before a reload', async () => {
    const { transport, uploads, pieces } = server(10);
    const store = memory();
    uploads.set('upl_old', { id: 'upl_old', offset: 8, size: 10 });
    store.set(uploadKey('site_1', file(10)), 'upl_old');
    expect(await uploadFile(file(10), 'site_1', transport, store, go(), options)).toBe('upl_old');
    expect(pieces).toEqual([{ offset: 8, length: 2 }]);
  });

  it('begins anew when the server lost the upload', async () => {
    const { transport, uploads, failures } = server(8);
    failures.push(new NetworkError(new Error('reset')));
    const waiting = vi.fn(async () => {
      uploads.clear();
    });
    const id = await uploadFile(file(8), 'site_1', transport, memory(), go(), { ...options, wait: waiting });
    expect(waiting).toHaveBeenCalledOnce();
    expect(uploads.get(id)?.offset).toBe(8);
  });

  it('stops at an answer that will not change', async () => {
    const { transport, failures } = server(8);
    const store = memory();
    failures.push(new ApiError({ status: 413 }));
    await expect(uploadFile(file(8), 'site_1', transport, store, go(), options)).rejects.toMatchObject({ status: 413 });
    expect(store.map.size).toBe(0);
  });

  it('gives up after failures without progress, and remembers where it was', async () => {
    const { transport, failures } = server(8);
    const store = memory();
    failures.push(...Array.from({ length: 5 }, () => new NetworkError(new Error('down'))));
    await expect(uploadFile(file(8), 'site_1', transport, store, go(), { ...options, maxFailures: 2 })).rejects.toBeInstanceOf(NetworkError);
    expect(store.map.size).toBe(1);
  });

  it('stops when cancelled', async () => {
    const { transport } = server(8);
    const abort = new AbortController();
    const running = uploadFile(file(8), 'site_1', transport, memory(), abort.signal, { ...options, onProgress: () => abort.abort() });
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('does not continue another file of the same name', () => {
    expect(uploadKey('site_1', file(10))).not.toBe(uploadKey('site_1', file(11)));
    expect(uploadKey('site_1', file(10))).not.toBe(uploadKey('site_2', file(10)));
  });
});
