import { expect } from 'chai';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { parseCatalog } from '../../src/commands/concert/catalog-file.ts';
import { CatalogFileError } from '../../src/commands/concert/catalog-file-error.ts';
import { concertDecider, type Session } from '../../src/commands/concert/concert.ts';
import type { StoredEvent } from '../../src/events/codec.ts';
import type { ConcertEvent } from '../../src/events/events.ts';
import { specify } from '../support/given-when-then.ts';

const given = specify(concertDecider);
const session: Session = {
  sessionId: 's1',
  startsAt: '2027-05-01T10:00:00.000Z',
  salesOpenAt: '2027-01-01T00:00:00.000Z',
  currency: 'KRW',
  sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1, 2] }] }],
};
const registered: ConcertEvent = { type: 'ConcertRegistered', data: { title: 'One' } };
const scheduled: ConcertEvent = { type: 'SessionScheduled', data: session };

describe('a concert', () => {
  it('is registered once, revised when its details change', () => {
    const register = { type: 'RegisterConcert', details: { title: 'One' } } as const;
    expect(given([]).when(register).thenWrites([registered])).to.equal('created');
    expect(given([registered]).when(register).thenWrites([])).to.equal('unchanged');
    const revise = { type: 'RegisterConcert', details: { title: 'Two' } } as const;
    given([registered])
      .when(revise)
      .thenWrites([{ type: 'ConcertRevised', data: { title: 'Two' } }]);
  });

  it('schedules a session once and moves it when its times change', () => {
    given([]).when({ type: 'ScheduleSession', session }).thenRefused('concert-not-found');
    given([registered]).when({ type: 'ScheduleSession', session }).thenWrites([scheduled]);
    given([registered, scheduled]).when({ type: 'ScheduleSession', session }).thenWrites([]);
    const startsAt = '2027-05-02T10:00:00.000Z';
    given([registered, scheduled])
      .when({ type: 'ScheduleSession', session: { ...session, startsAt } })
      .thenWrites([
        {
          type: 'SessionRescheduled',
          data: { sessionId: 's1', startsAt, salesOpenAt: session.salesOpenAt },
        },
      ]);
  });

  it('never changes seats or prices of a scheduled session', () => {
    const sections = [{ section: 'A', price: 101, rows: [{ row: '1', seats: [1, 2] }] }];
    given([registered, scheduled])
      .when({ type: 'ScheduleSession', session: { ...session, sections } })
      .thenRefused('seat-map-changed');
  });
});

describe('the catalogue in memory', () => {
  it('knows prices by seat and follows a session that moves', () => {
    const catalog = new Catalog();
    const moved = {
      sessionId: 's1',
      startsAt: '2027-06-01T10:00:00.000Z',
      salesOpenAt: session.salesOpenAt,
    };
    const events: ConcertEvent[] = [
      registered,
      scheduled,
      { type: 'SessionRescheduled', data: moved },
    ];
    for (const event of events) {
      catalog.apply({ stream: 'concert-c1', ...event } as unknown as StoredEvent);
    }
    expect(catalog.session('s1')?.prices.get('A-1-2')).to.equal(100);
    expect(catalog.session('s1')).to.include({
      concertId: 'c1',
      startsAtMs: Date.parse(moved.startsAt),
    });
    expect(catalog.session('s2')).to.equal(undefined);
  });
});

describe('a catalogue file', () => {
  const seatMap = [{ section: 'A', price: 100, rows: [{ row: '1', seats: 3 }] }];
  const file = (change: object) =>
    JSON.stringify({
      seatMaps: { hall: seatMap },
      concerts: [
        {
          concertId: 7,
          title: 'One',
          sessions: [
            {
              sessionId: 's1',
              startsAt: '2027-05-01T19:00:00+09:00',
              salesOpenAt: '2027-01-01T00:00:00Z',
              seatMap: 'hall',
              ...change,
            },
          ],
        },
      ],
    });

  it('names seat maps, counts seats out and keeps times in UTC', () => {
    const [concert] = parseCatalog(file({}));
    expect(concert).to.include({ concertId: '7' });
    expect(concert?.sessions[0]).to.deep.include({
      startsAt: '2027-05-01T10:00:00.000Z',
      sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1, 2, 3] }] }],
    });
  });

  for (const [what, change, message] of [
    [
      'too many seats in a row',
      { seatMap: [{ section: 'A', price: 1, rows: [{ row: '1', seats: 1_000_000_000 }] }] },
      'seatMap.0.rows.0.seats',
    ],
    [
      'a price that an order could not add up exactly',
      { seatMap: [{ section: 'A', price: 2 ** 53 - 1, rows: [{ row: '1', seats: 1 }] }] },
      'seatMap.0.price',
    ],
    ['an unknown seat map', { seatMap: 'attic' }, 'no seat map "attic"'],
    [
      'a seat that is there twice',
      { seatMap: [...seatMap, ...seatMap] },
      'seat A-1-1 is there twice',
    ],
    [
      'sales that open too late',
      { salesOpenAt: '2028-01-01T00:00:00Z' },
      'sales open after it starts',
    ],
    ['a time without a zone', { startsAt: '2027-05-01T19:00:00' }, 'must be a time'],
    ['a misspelt field', { seatmap: 'hall' }, 'seatmap'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => parseCatalog(file(change))).to.throw(CatalogFileError, message);
    });
  }

  it('says in words what is wrong with fields, each with its place', () => {
    const seats = (given: unknown) => ({
      section: 'A',
      price: 1,
      rows: [{ row: '1', seats: given }],
    });
    const wrong = {
      extra: 1,
      seatMaps: { hall: [seats('many'), seats([]), { ...seats(1), price: -1 }] },
      concerts: [
        { concertId: 1.5, title: '', sessions: {} },
        { concertId: 'a b', venue: 5, title: 'x'.repeat(201), sessions: [{ startsAt: 'soon' }] },
      ],
    };
    expect(() => parseCatalog(JSON.stringify(wrong))).to.throw(
      CatalogFileError,
      `the catalogue cannot be used:
  seatMaps.hall.0.rows.0.seats: must be a number, or must be a list
  seatMaps.hall.1.rows.0.seats: must not be empty
  seatMaps.hall.2.price: must be 0 at least
  concerts.0.concertId: must be text, or must be a whole number from 0 to 2^53 − 1
  concerts.0.title: must not be empty
  concerts.0.sessions: must be a list
  concerts.1.concertId: must be 1 to 64 of A-Z a-z 0-9 _ -
  concerts.1.title: must be 200 characters at most
  concerts.1.venue: must be text
  concerts.1.sessions.0.sessionId: is required
  concerts.1.sessions.0.startsAt: must be a time like 2027-05-01T19:00:00+09:00
  concerts.1.sessions.0.salesOpenAt: must be a time like 2027-05-01T19:00:00+09:00
  concerts.1.sessions.0.seatMap: is required
  file: has no field extra`,
    );
  });

  it('refuses what is not JSON', () => {
    expect(() => parseCatalog('{')).to.throw(CatalogFileError, 'not JSON');
  });
});
