import { describe, expect, it } from 'vitest';
import { cliOf, exportUrl, queryOf } from '@/features/spine/filters';

describe('the filters of the audit log', () => {
  it('are sent as the API takes them, days as a whole', () => {
    const query = queryOf({ actor: 'usr_1', text: 'zone', since: '2026-11-22', until: '2026-11-23', outcome: 'refused', scope: 'subtree' });
    expect(query).toEqual({
      'filter[actor]': 'usr_1',
      'filter[text]': 'zone',
      'filter[since]': new Date(2026, 10, 22).toISOString(),
      'filter[until]': new Date(2026, 10, 24).toISOString(),
      'filter[outcome]': 'refused',
      scope: 'subtree',
    });
  });

  it('leave out what an address says that means nothing', () => {
    expect(queryOf({ outcome: 'maybe', scope: 'world', since: 'yesterday' })).toEqual({});
  });

  it('are the same in a file and on the command line', () => {
    expect(exportUrl('tnt_1', { kind: 'site', text: 'a b' }, 'csv')).toBe('/api/v1/audit/export?tenant=tnt_1&format=csv&filter%5Bkind%5D=site&filter%5Btext%5D=a+b');
    expect(cliOf({ kind: 'site', outcome: 'refused', scope: 'subtree' })).toEqual(['audit', 'list', '--kind', 'site', '--refused', '--below']);
  });
});
