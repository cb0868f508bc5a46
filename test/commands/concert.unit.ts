import { expect } from 'chai';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { parseCatalog, readCatalog } from '../../src/commands/concert/catalog-file.ts';
import { CatalogFileError } from '../../src/commands/concert/catalog-file-error.ts';
import { concertDecider, type Session } from '../../src/commands/concert/decider.ts';
import type { StoredEvent } from '../../src/events/codec.ts';
import type { ConcertEvent } from '../../src/events/events.ts';
import { DeciderSpec } from '../support/decider-spec.ts';
import {
  concertRegistered,
  concertRevised,
  sessionRescheduled,
  sessionScheduled,
} from '../support/events.ts';

const { given } = new DeciderSpec(concertDecider);
const session: Session = {
  sessionId: 's1',
  startsAt: '2027-05-01T10:00:00.000Z',
  salesOpenAt: '2027-01-01T00:00:00.000Z',
  currency: 'KRW',
  sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1, 2] }] }],
};
const registered = concertRegistered('One');
const scheduled = sessionScheduled(session);

describe('a concert', () => {
  it('is registered once, revised when its details change', () => {
    const register = { type: 'RegisterConcert', details: { title: 'One' } } as const;
    expect(given([]).when(register).thenWrites([registered])).to.equal('created');
    expect(given([registered]).when(register).thenWrites([])).to.equal('unchanged');
    const revise = { type: 'RegisterConcert', details: { title: 'Two' } } as const;
    given([registered])
      .when(revise)
      .thenWrites([concertRevised('Two')]);
    const inRoom = { title: 'One', waitingRoom: 'gala' };
    given([registered])
      .when({ type: 'RegisterConcert', details: inRoom })
      .thenWrites([{ type: 'ConcertRevised', data: inRoom }]);
  });

  it('schedules a session once and moves it when its times change', () => {
    given([]).when({ type: 'ScheduleSession', session }).thenRefused('concert-not-found');
    given([registered]).when({ type: 'ScheduleSession', session }).thenWrites([scheduled]);
    given([registered, scheduled]).when({ type: 'ScheduleSession', session }).thenWrites([]);
    const startsAt = '2027-05-02T10:00:00.000Z';
    given([registered, scheduled])
      .when({ type: 'ScheduleSession', session: { ...session, startsAt } })
      .thenWrites([
        sessionRescheduled({ sessionId: 's1', startsAt, salesOpenAt: session.salesOpenAt }),
      ]);
  });

  it('takes the same seats in another order for the same', () => {
    const [a, b] = [1, 2].map((n) => ({ row: `${n}`, seats: [1, 2] }));
    const of = (...rows: unknown[]) =>
      ({ ...session, sections: [{ section: 'A', price: 100, rows }] }) as Session;
    const first = sessionScheduled(of(a, b));
    const turned = of(b, { ...a, seats: [2, 1] });
    const after = given([registered, first]);
    const answer = after.when({ type: 'ScheduleSession', session: turned }).thenWrites([]);
    expect(answer).to.equal('unchanged');
    for (const other of [of(a), of(a, b, { row: '3', seats: [1] }), of(a, { ...b, seats: [1] })]) {
      after.when({ type: 'ScheduleSession', session: other }).thenRefused('seat-map-changed');
    }
  });

  it('never changes seats or prices of a scheduled session', () => {
    const sections = [{ section: 'A', price: 101, rows: [{ row: '1', seats: [1, 2] }] }];
    given([registered, scheduled])
      .when({ type: 'ScheduleSession', session: { ...session, sections } })
      .thenRefused('seat-map-changed');
  });
});

describe('the catalog in memory', () => {
  it('knows prices by seat and follows a session that moves', () => {
    const catalog = new Catalog();
    const moved = {
      sessionId: 's1',
      startsAt: '2027-06-01T10:00:00.000Z',
      salesOpenAt: session.salesOpenAt,
    };
    const events: ConcertEvent[] = [registered, scheduled, sessionRescheduled(moved)];
    for (const event of events) {
      catalog.apply({ stream: 'concert-c1', ...event } as StoredEvent);
    }
    expect(catalog.session('s1')?.prices.get('A-1-2')).to.equal(100);
    expect(catalog.session('s1')).to.include({
      concertId: 'c1',
      startsAtMs: Date.parse(moved.startsAt),
    });
    expect(catalog.session('s2')).to.equal(undefined);
  });
});

describe('a catalog file', () => {
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
    [
      'a time before the year 1',
      { salesOpenAt: '0000-01-01T00:00:00Z' },
      'concerts.0.sessions.0.salesOpenAt: must be in the years 0001 to 9999',
    ],
    [
      'a time that its zone takes beyond 9999',
      { startsAt: '9999-12-31T23:59:59-14:00' },
      'concerts.0.sessions.0.startsAt: must be in the years 0001 to 9999',
    ],
    [
      'a seat map that would not fit into an event',
      {
        seatMap: [
          {
            section: 'A',
            price: 1,
            rows: Array.from({ length: 30_000 }, (_, n) => ({ row: `row_${n}`, seats: [1, 2, 3] })),
          },
        ],
      },
      'concerts.0.sessions.0.seatMap: must take 1032192 bytes at most in the log, and takes 10',
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
      `the catalog cannot be used:
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

  for (const [what, title, why] of [
    ['half a surrogate pair', 'One \ud83d', 'must not have half a character'],
    ['a NUL', 'One\0', 'must not have the character NUL'],
    ['nothing to be seen', ' \u200b\t', 'must not be blank'],
  ] as const) {
    it(`refuses a title or venue with ${what}, and takes whole characters`, () => {
      const parse = (fields: object) =>
        parseCatalog(
          JSON.stringify({
            concerts: [{ concertId: 1, title: '👩‍👧 가을', sessions: [], ...fields }],
          }),
        );
      expect(parse({})).to.have.length(1);
      expect(() => parse({ title })).to.throw(CatalogFileError, `concerts.0.title: ${why}`);
      expect(() => parse({ venue: title })).to.throw(CatalogFileError, `concerts.0.venue: ${why}`);
    });
  }

  it('refuses a member that is there twice, however it is written', () => {
    const twice = (text: string) => () => parseCatalog(text);
    expect(twice('{"concerts":[],"c\\u006fncerts":[]}')).to.throw('concerts: there twice');
    const price =
      '{"seatMaps":{"hall":[{"section":"A","price":1,"rows":[],"price":2}]},"concerts":[]}';
    expect(twice(price)).to.throw('seatMaps.hall.0.price: there twice');
  });

  it('names every concert and session that is there twice, with both places', () => {
    const session = {
      sessionId: 7,
      startsAt: '2028-05-01T00:00:00Z',
      salesOpenAt: '2027-01-01T00:00:00Z',
      seatMap,
    };
    const concert = (concertId: unknown) => ({ concertId, title: 'x', sessions: [session] });
    expect(() => parseCatalog(JSON.stringify({ concerts: [concert(1), concert('1')] }))).to.throw(
      `concerts.1.concertId: 1 is there twice (concerts.0)
  concerts.1.sessions.0.sessionId: 7 is there twice (concert 1, concerts.0.sessions.0)`,
    );
  });

  it('is read from UTF-8 with or without a byte order mark; what else it seems to be is said', () => {
    const text = JSON.stringify({ concerts: [{ concertId: 1, title: 'München', sessions: [] }] });
    for (const given of [text, `\uFEFF${text}`]) {
      expect(readCatalog(Buffer.from(given))[0]?.title).to.equal('München');
    }
    const refused = (bytes: Buffer) => () => readCatalog(bytes);
    expect(refused(Buffer.from(`\n${text}`, 'latin1'))).to.throw(
      CatalogFileError,
      'not UTF-8: the byte FC in line 2 is none, as in files in Latin-1',
    );
    expect(refused(Buffer.from(`\uFEFF${text}`, 'utf16le'))).to.throw('mark of UTF-16');
    expect(refused(Buffer.from(text, 'utf16le'))).to.throw('it looks like UTF-16');
  });

  it('refuses what is not JSON', () => {
    expect(() => parseCatalog('{')).to.throw(CatalogFileError, 'not JSON');
  });
});
