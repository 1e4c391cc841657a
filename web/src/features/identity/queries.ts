import { api, unwrap, type Api } from '@/api/client';
import { NO_REAUTH } from '@/api/fetch';
import type { Schemas } from '@/api/types';

export type Session = Schemas['identity.Session'];
export type ApiToken = Schemas['identity.ApiToken'];
export type CreateApiToken = Schemas['identity.CreateApiToken'];

const headers = { [NO_REAUTH]: '1' };

export const claim = (body: Schemas['identity.Claim']) => unwrap(api().POST('/api/v1/claim', { body, headers }));

export const activate = (body: Schemas['identity.Activate']) => unwrap(api().POST('/api/v1/activations', { body, headers }));

/** A wrong password answers 401 as well, which must not open the login dialogue over the form. */
export const startTotp = (password: string) => unwrap(api().POST('/api/v1/me/totp', { body: { password }, headers }));

export const confirmTotp = (code: string) => unwrap(api().POST('/api/v1/me/totp/confirm', { body: { code }, headers }));

export const disableTotp = (password: string) => unwrap(api().DELETE('/api/v1/me/totp', { body: { password }, headers }));

export const changePassword = (body: Schemas['identity.ChangePassword']) => unwrap(api().POST('/api/v1/me/password', { body }));

export const endSession = (id: string) => unwrap(api().DELETE('/api/v1/sessions/{session_id}', { params: { path: { session_id: id } } }));

export const createToken = (client: Api, body: CreateApiToken) => unwrap(client.POST('/api/v1/api-tokens', { body }));

export const deleteToken = (client: Api, id: string) => unwrap(client.DELETE('/api/v1/api-tokens/{token_id}', { params: { path: { token_id: id } } }));
