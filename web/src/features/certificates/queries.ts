import { unwrap, type Api } from '@/api/client';
import type { Schemas } from '@/api/types';

export type Issuer = Schemas['certificates.Issuer'];
export type CreateIssuer = Schemas['certificates.CreateIssuer'];

export const ISSUERS = ['/api/v1/certificate-issuers'] as const;
/** Those that the server knows by name; all but the first two want an account that one has there. */
export const KNOWN = ['letsencrypt', 'letsencrypt-staging', 'zerossl', 'google', 'sslcom'] as const;
export const needsAccount = (name: string) => name !== 'letsencrypt' && name !== 'letsencrypt-staging';

export const createIssuer = (api: Api, body: CreateIssuer) => unwrap(api.POST('/api/v1/certificate-issuers', { body }));

export const deleteIssuer = (api: Api, id: string) =>
  unwrap(api.DELETE('/api/v1/certificate-issuers/{issuer_id}', { params: { path: { issuer_id: id } } }));
