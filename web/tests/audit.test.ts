import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { changes, fieldName, fieldValue } from '@/features/spine/components/changes';
import { shortId, type Directory } from '@/ui/directory';
import { jobOf, storyOf, whoOf } from '@/ui/story';

const NAMES: Record<string, string> = { usr_ada: 'Ada', site_1: 'Bakery', rel_1: 'Release 1', tnt_1: 'Northwind' };
const directory: Directory = { name: (id) => NAMES[id], path: () => undefined };
const empty = { assumed_from: null, before: null, after: null };
const tell = (entry: object) => renderToStaticMarkup(storyOf({ ...empty, actor: 'usr_ada', ...entry } as never, directory)).replace(/<[^>]+>/g, '');

describe('the audit log', () => {
  it('tells who did what, by name', () => {
    expect(tell({ action: 'sites.site.created', subject: 'site_1', after: { name: 'Bakery' } })).toBe('Ada added the site Bakery');
    expect(tell({ action: 'sites.domain.added', subject: 'site_1', after: { name: 'bakery.example' } })).toBe('Ada added the domain bakery.example · Bakery');
    expect(tell({ action: 'sites.release.activated', actor: 'system:sites.release.deploy', subject: 'rel_1' })).toBe('mPanel made Release 1 live');
    expect(tell({ action: 'dns.record.deleted', subject: 'rec_1', before: { name: 'www.bakery.example', type: 'A' } })).toBe('Ada deleted the record www.bakery.example A');
  });

  it('says what a change changed where that has a word of its own', () => {
    const change = (before: string, after: string) => tell({ action: 'tenancy.tenant.changed', subject: 'tnt_2', before: { name: 'Bakery', state: before }, after: { name: 'Bakery', state: after } });
    expect(change('active', 'suspended')).toBe('Ada suspended Bakery');
    expect(change('suspended', 'active')).toBe('Ada resumed Bakery');
    expect(change('active', 'active')).toBe('Ada changed Bakery');
  });

  it('shows an action it does not know as it is', () => {
    expect(tell({ action: 'future.thing.done', subject: 'thing_1' })).toBe('Ada did future.thing.done to thing_1');
  });

  it('names those it cannot see by where they come from', () => {
    const who = (actor: string, assumed_from: string | null) => whoOf({ actor, assumed_from }, directory);
    expect(who('usr_ada', null)).toBe('Ada');
    expect(who('usr_other', 'tnt_1')).toBe('Somebody at Northwind');
    expect(who('usr_other', 'tnt_unseen')).toBe('Your provider');
    expect(who('usr_other', null)).toBe('Somebody who is no longer a member');
    expect(who('tok_1', null)).toBe('An API token');
    const job = (actor: string, kind?: string) => jobOf({ actor, via: kind ? { kind, operation_id: 'op_1', step: 'unpack' } : null });
    expect(job('usr_ada', 'sites.release.deploy')).toBe('Publish a release');
    expect(job('system:certificates.issue')).toBe('Issue certificates');
    expect(job('usr_ada')).toBeNull();
  });

  it('shows only what differs', () => {
    expect(changes({ a: 1, s: { b: true } }, { a: 1, s: { b: false }, c: 'x' })).toEqual([
      { field: 's.b', before: true, after: false },
      { field: 'c', before: undefined, after: 'x' },
    ]);
    expect(changes({ list: ['a'] }, { list: ['a'] })).toEqual([]);
    expect(changes(null, null)).toEqual([]);
  });

  it('shows values as people write them', () => {
    const show = (field: string, value: unknown) => fieldValue(field, value, directory);
    expect(fieldName('entitlements.disk_bytes')).toBe('Disk space');
    expect(fieldName('future_field')).toBe('future_field');
    expect(show('entitlements.disk_bytes', 2e9)).toBe('2 GB');
    expect(show('entitlements.sites', null)).toBe('unlimited');
    expect(show('size', 7981)).toBe('8 kB');
    expect(show('archived', false)).toBe('No');
    expect(show('names', ['a.example', 'b.example'])).toBe('a.example, b.example');
    expect(show('role', 'viewer')).toBe('Viewer');
    expect(show('target', null)).toBe('nothing');
    expect(shortId('rec_01m83bj333ekxrwjxjecrqe5kf')).toBe('rec_…rqe5kf');
  });
});
