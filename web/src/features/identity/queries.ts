import { api, unwrap, type Api } from '@/api/client';
import { NO_REAUTH } from '@/api/fetch';
import type { Schemas } from '@/api/types';

export type Session = Schemas['identity.Session'];
export type ApiToken = Schemas['identity.ApiToken'];
export type CreateApiToken = Schemas['identity.CreateApiToken'];

export type SignIn = Schemas['identity.SignIn'];
export type ServiceAccount = Schemas['identity.ServiceAccount'];
export type ServiceToken = Schemas['identity.ServiceToken'];
export type CreateServiceAccount = Schemas['identity.CreateServiceAccount'];

/** What changes with a service account or a token of one. */
export const SERVICES = ['/api/v1/service-accounts', '/api/v1/service-accounts/{service_account_id}', '/api/v1/service-accounts/{service_account_id}/tokens'] as const;

const headers = { [NO_REAUTH]: '1' };

export const claim = (body: Schemas['identity.Claim']) => unwrap(api().POST('/api/v1/claim', { body, headers }));

export const activate = (body: Schemas['identity.Activate']) => unwrap(api().POST('/api/v1/activations', { body, headers }));

export const requestReset = (body: Schemas['identity.RequestPasswordReset']) => unwrap(api().POST('/api/v1/password-resets', { body, headers }));

export const acceptReset = (body: Schemas['identity.AcceptPasswordReset']) => unwrap(api().POST('/api/v1/password-resets/accept', { body, headers }));

export const changeEmail = (body: Schemas['identity.ChangeEmail']) => unwrap(api().POST('/api/v1/me/email', { body }));

export const confirmEmail = (token: string) => unwrap(api().POST('/api/v1/me/email/confirm', { body: { token } }));

/** A wrong password answers 401 as well, which must not open the login dialogue over the form. */
export const startTotp = (password: string) => unwrap(api().POST('/api/v1/me/totp', { body: { password }, headers }));

export const confirmTotp = (code: string) => unwrap(api().POST('/api/v1/me/totp/confirm', { body: { code }, headers }));

export const disableTotp = (password: string) => unwrap(api().DELETE('/api/v1/me/totp', { body: { password }, headers }));

export const changePassword = (body: Schemas['identity.ChangePassword']) => unwrap(api().POST('/api/v1/me/password', { body }));

export const endSession = (id: string) => unwrap(api().DELETE('/api/v1/sessions/{session_id}', { params: { path: { session_id: id } } }));

export const endOtherSessions = () => unwrap(api().DELETE('/api/v1/sessions', { params: { query: { keep: 'current' } } }));

export const createToken = (client: Api, body: CreateApiToken) => unwrap(client.POST('/api/v1/api-tokens', { body }));

export const deleteToken = (client: Api, id: string) => unwrap(client.DELETE('/api/v1/api-tokens/{token_id}', { params: { path: { token_id: id } } }));

const account = (id: string) => ({ params: { path: { service_account_id: id } } });

export const createServiceAccount = (client: Api, body: CreateServiceAccount) => unwrap(client.POST('/api/v1/service-accounts', { body }));

export const updateServiceAccount = (client: Api, id: string, body: Schemas['identity.UpdateServiceAccount']) =>
  unwrap(client.PATCH('/api/v1/service-accounts/{service_account_id}', { ...account(id), body }));

export const deleteServiceAccount = (client: Api, id: string) => unwrap(client.DELETE('/api/v1/service-accounts/{service_account_id}', account(id)));

export const createServiceToken = (client: Api, id: string, body: CreateApiToken) =>
  unwrap(client.POST('/api/v1/service-accounts/{service_account_id}/tokens', { ...account(id), body }));

const token = (id: string, tokenId: string) => ({ params: { path: { service_account_id: id, service_token_id: tokenId } } });

export const rotateServiceToken = (client: Api, id: string, tokenId: string) =>
  unwrap(client.POST('/api/v1/service-accounts/{service_account_id}/tokens/{service_token_id}/rotate', { ...token(id, tokenId), body: {} }));

export const deleteServiceToken = (client: Api, id: string, tokenId: string) =>
  unwrap(client.DELETE('/api/v1/service-accounts/{service_account_id}/tokens/{service_token_id}', token(id, tokenId)));
