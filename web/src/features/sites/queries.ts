import { useQuery } from '@tanstack/react-query';
import { useActing } from '@/api/acting';
import { ifMatch, unwrap, type Api } from '@/api/client';
import { getQuery } from '@/api/query';
import { ApiError } from '@/api/problem';
import type { Schemas } from '@/api/types';
import type { UploadTransport } from '@/api/uploader';

export type Site = Schemas['sites.Site'];
export type Domain = Schemas['sites.Domain'];
export type Release = Schemas['sites.Release'];
export type Settings = Schemas['sites.Settings'];
export type CreateSite = Schemas['sites.CreateSite'];
export type AddDomain = Schemas['sites.AddDomain'];

/** A change of a site also shows in zones (managed records), certificates and operations. */
export const SITES = ['/api/v1/sites', '/api/v1/operations', '/api/v1/zones', '/api/v1/certificates'] as const;

export function useSite(id: string) {
  const { id: tenant } = useActing();
  return useQuery({
    ...getQuery(tenant, '/api/v1/sites/{site_id}', { path: { site_id: id } }),
    // A site that is not ready yet is being watched.
    refetchInterval: ({ state }) => (state.data && !state.data.status.ready ? 4_000 : false),
  });
}

export const createSite = (api: Api, body: CreateSite) => unwrap(api.POST('/api/v1/sites', { body }));

export const updateSite = (api: Api, site: Site, body: Schemas['sites.SitePatch']) =>
  unwrap(api.PATCH('/api/v1/sites/{site_id}', { params: { path: { site_id: site.id } }, headers: ifMatch(site), body }));

export const purge = (api: Api, id: string, body: Schemas['sites.Purge']) =>
  unwrap(api.POST('/api/v1/sites/{site_id}/cache/purge', { params: { path: { site_id: id } }, body }));

export const setDelivery = (api: Api, id: string, was: Schemas['sites.Delivery'], body: Schemas['sites.SetDelivery']) =>
  unwrap(api.PUT('/api/v1/sites/{site_id}/delivery', { params: { path: { site_id: id } }, headers: ifMatch(was), body }));

export const deleteSite = (api: Api, id: string) => unwrap(api.DELETE('/api/v1/sites/{site_id}', { params: { path: { site_id: id } } }));

export const addDomain = (api: Api, id: string, body: AddDomain) =>
  unwrap(api.POST('/api/v1/sites/{site_id}/domains', { params: { path: { site_id: id } }, body }));

export const removeDomain = (api: Api, id: string, name: string) =>
  unwrap(api.DELETE('/api/v1/sites/{site_id}/domains/{name}', { params: { path: { site_id: id, name } } }));

export const createRelease = (api: Api, id: string, body: Schemas['sites.CreateRelease']) =>
  unwrap(api.POST('/api/v1/sites/{site_id}/releases', { params: { path: { site_id: id } }, body }));

export const activateRelease = (api: Api, id: string, release: string) =>
  unwrap(api.POST('/api/v1/sites/{site_id}/releases/{release_id}/activate', { params: { path: { site_id: id, release_id: release } } }));

export const deleteRelease = (api: Api, id: string, release: string) =>
  unwrap(api.DELETE('/api/v1/sites/{site_id}/releases/{release_id}', { params: { path: { site_id: id, release_id: release } } }));

/** The calls of a resumable upload (see `api/uploader.ts`). */
export function uploadTransport(api: Api, id: string): UploadTransport {
  const at = (upload: string) => ({ path: { site_id: id, upload_id: upload } });
  return {
    create: (filename, size) => unwrap(api.POST('/api/v1/sites/{site_id}/uploads', { params: { path: { site_id: id } }, body: { filename, size } })),
    status: async (upload) => {
      try {
        return await unwrap(api.GET('/api/v1/sites/{site_id}/uploads/{upload_id}', { params: at(upload) }));
      } catch (error) {
        if (error instanceof ApiError && (error.status === 404 || error.status === 410)) return null;
        throw error;
      }
    },
    append: async (upload, offset, piece, signal) => {
      const answer = api.PATCH('/api/v1/sites/{site_id}/uploads/{upload_id}', {
        params: { ...at(upload), header: { 'Upload-Offset': offset } },
        body: piece as unknown as string,
        bodySerializer: () => piece,
        headers: { 'Content-Type': 'application/octet-stream' },
        parseAs: 'text',
        signal,
      });
      await unwrap(answer);
      const stored = Number((await answer).response.headers.get('Upload-Offset'));
      return Number.isFinite(stored) && stored > 0 ? stored : offset + piece.size;
    },
    remove: async (upload) => {
      await unwrap(api.DELETE('/api/v1/sites/{site_id}/uploads/{upload_id}', { params: at(upload) }));
    },
  };
}
