import { expect } from 'chai';
import type { ConcertRow } from '../../src/projections/models/concert/projection.ts';
import type { SessionRow } from '../../src/projections/models/session/projection.ts';
import { ConcertList } from '../../src/queries/concert-list.ts';

const concert = (concert_id: string): ConcertRow =>
  ({ concert_id, title: concert_id, venue: null, version: '1' }) as ConcertRow;

const session = (session_id: string, starts_at = '2099-01-01T00:00:00.000Z'): SessionRow =>
  ({ concert_id: '1', session_id, starts_at, cancelled_at: null, version: '1' }) as never;

const ids = (body: Buffer, name: string): unknown[] =>
  JSON.parse(String(body)).map((row: Record<string, unknown>) => row[name]);

describe('the lists of the catalog', () => {
  it('have concerts by id, numbers as numbers, the same whatever came first', () => {
    const inOrder = ['1', '2', '10', 'a', 'A', 'gala-2', 'gala-02', 'gala-10', 'rock'];
    for (const order of [inOrder, [...inOrder].reverse(), [...inOrder].sort()]) {
      const list = new ConcertList(order.map(concert), []).concertList();
      expect(ids(list.body, 'concertId')).to.have.ordered.members(
        ids(new ConcertList(inOrder.map(concert), []).concertList().body, 'concertId'),
      );
      const numbered = ids(list.body, 'concertId').filter((id) => /^\d+$/.test(String(id)));
      expect(numbered).to.deep.equal(['1', '2', '10']);
    }
  });

  it('leave out the concert of reprise check, whose sessions are there', () => {
    const made = new ConcertList([concert('1'), concert('reprise-check')], []);
    expect(ids(made.concertList().body, 'concertId')).to.deep.equal(['1']);
    expect(String(made.sessionList('reprise-check')?.body)).to.equal('[]');
  });

  it('have sessions by start, then as concerts', () => {
    const rows = [session('1-10'), session('1-9'), session('1-11', '2098-01-01T00:00:00.000Z')];
    const list = new ConcertList([concert('1')], rows).sessionList('1');
    expect(ids(list?.body as Buffer, 'sessionId')).to.deep.equal(['1-11', '1-9', '1-10']);
  });
});
