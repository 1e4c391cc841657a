import { ifMatch, unwrap, type Api } from '@/api/client';
import type { Schemas } from '@/api/types';

export type Zone = Schemas['dns.Zone'];
export type DnsRecord = Schemas['dns.Record'];
export type RecordType = Schemas['dns.RecordType'];
export type CreateRecord = Schemas['dns.CreateRecord'];

export const ZONES = ['/api/v1/zones'] as const;
/** In the order in which they are offered. */
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'NS', 'CAA', 'SRV'] as const satisfies readonly RecordType[];

export const createZone = (api: Api, body: Schemas['dns.CreateZone']) => unwrap(api.POST('/api/v1/zones', { body }));

export const deleteZone = (api: Api, id: string) => unwrap(api.DELETE('/api/v1/zones/{zone_id}', { params: { path: { zone_id: id } } }));

export const createRecord = (api: Api, id: string, body: CreateRecord) =>
  unwrap(api.POST('/api/v1/zones/{zone_id}/records', { params: { path: { zone_id: id } }, body }));

export const updateRecord = (api: Api, id: string, record: DnsRecord, body: Schemas['dns.RecordPatch']) =>
  unwrap(
    api.PATCH('/api/v1/zones/{zone_id}/records/{record_id}', {
      params: { path: { zone_id: id, record_id: record.id } },
      headers: ifMatch(record),
      body,
    }),
  );

export const deleteRecord = (api: Api, id: string, record: string) =>
  unwrap(api.DELETE('/api/v1/zones/{zone_id}/records/{record_id}', { params: { path: { zone_id: id, record_id: record } } }));
