import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { z } from 'zod';
import { createDecoder, decode, type RecordedEvent } from '../../src/events/codec.ts';
import { type DomainEvent, type EventType, eventSchemas } from '../../src/events/events.ts';
import { olderVersions, versionOf, versionToWrite } from '../../src/events/upcasters.ts';

/**
 * What was stored, one file an event type and version: examples of its data with every optional
 * part there and not there. `asToday` is what an older version's data is read as; a version that is
 * written today is read as it is. A file is never changed once events of its version may be in a
 * log: a changed shape is a new version, and a new file.
 */
interface Fixture {
  readonly type: EventType;
  readonly schemaVersion: number;
  readonly data: readonly unknown[];
  readonly asToday?: readonly unknown[];
  /** The version's JSON Schema. */
  readonly shape: unknown;
}

const folder = new URL('./fixtures/', import.meta.url);
const fixtures = new Map(
  readdirSync(folder).map((name) => [
    name,
    JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Fixture,
  ]),
);
const types = Object.keys(eventSchemas) as EventType[];

const stored = (type: string, schemaVersion: unknown, data: unknown): RecordedEvent => ({
  id: 'e1',
  stream: 'seat-s1/A-1-1',
  revision: 4n,
  position: 77n,
  type,
  createdMs: 0,
  data,
  metadata: { schemaVersion, commandId: 'c1' },
});

/** Without the address of the JSON Schema standard. */
function shapeOf(schema: z.ZodType): unknown {
  const { $schema: _, ...shape } = z.toJSONSchema(schema, { io: 'input' });
  return JSON.parse(JSON.stringify(shape));
}

describe('every event that was ever stored', () => {
  it('has a fixture for each of its versions, and no other', () => {
    const names = types.flatMap((type) =>
      Array.from({ length: versionOf(type) }, (_, n) => `${type}.v${n + 1}.json`),
    );
    expect([...fixtures.keys()].sort()).to.deep.equal(names.sort());
  });

  for (const [name, { type, schemaVersion, data, asToday = data, shape }] of fixtures) {
    it(`is read: ${name}`, () => {
      expect(name).to.equal(`${type}.v${schemaVersion}.json`);
      expect(data).to.have.length.greaterThan(0);
      for (const [n, one] of data.entries()) {
        const read = decode(stored(type, schemaVersion, one));
        // Byte for byte: members in their order, nothing dropped or added.
        expect(JSON.stringify(read.data)).to.equal(JSON.stringify(asToday[n]));
      }
      const versions = [...(olderVersions[type] ?? []), eventSchemas[type]];
      const what = `${name}: a changed shape is a new version, with an upcaster for this one`;
      expect(shapeOf(versions[schemaVersion - 1] as z.ZodType), what).to.deep.equal(shape);
    });
  }

  it('has examples with and without each optional part', () => {
    for (const [name, { data, shape }] of fixtures) {
      const { properties = {}, required = [] } = shape as {
        properties?: object;
        required?: readonly string[];
      };
      for (const part of Object.keys(properties)) {
        const has = data.map((one) => part in (one as object));
        expect(has, `${name}: ${part}`).to.include(true);
        if (!required.includes(part)) expect(has, `${name} without ${part}`).to.include(false);
      }
    }
  });
});

describe('an event of today', () => {
  const written = [...fixtures.values()]
    .filter(({ type, schemaVersion }) => schemaVersion === versionOf(type))
    .flatMap(({ type, data }) => data.map((one) => ({ type, data: one }) as DomainEvent));

  it('is read from the version in which it is written as it was meant', () => {
    for (const event of written) {
      const version = versionToWrite(event);
      const { data } = decode(stored(event.type, version, event.data));
      expect(data, `${event.type} as version ${version}`).to.deep.equal(event.data);
    }
  });

  it('is written for older releases where it says nothing that they do not know', () => {
    const older = written.filter((event) => versionToWrite(event) < versionOf(event.type));
    expect([...new Set(older.map(({ type }) => type))].sort()).to.deep.equal([
      'ConcertRegistered',
      'ConcertRevised',
    ]);
    const room = { title: 'One', waitingRoom: 'gala' };
    expect(versionToWrite({ type: 'ConcertRegistered', data: room })).to.equal(2);
    expect(versionToWrite({ type: 'ConcertRegistered', data: { title: 'One' } })).to.equal(1);
  });
});

describe('an event that PostgreSQL could not store', () => {
  const sold = { reservationId: 's1.A-1-1.1', paymentId: 'p1', userId: 'u1' };
  const held = { currency: 'KRW', expiresAt: '2026-05-01T10:00:00Z', price: 1, ...sold };
  for (const [what, type, data] of [
    ['a NUL in an id', 'SeatSold', { ...sold, userId: 'u\u00001' }],
    ['a space in an id', 'SeatSold', { ...sold, userId: 'u 1' }],
    ['the year 0', 'SeatReserved', { ...held, expiresAt: '0000-01-01T00:00:00Z' }],
    ['an amount that is no whole number', 'SeatReserved', { ...held, price: 0.5 }],
    ['an amount above 2^53 − 1', 'SeatReserved', { ...held, price: 2 ** 53 }],
  ] as const) {
    it(`is unreadable: ${what}`, () => {
      expect(() => decode(stored(type, 1, data))).to.throw(/^event 4@seat-s1\/A-1-1/);
    });
  }
});

describe('the decoder', () => {
  // An event type with a past: a price in a currency that was always KRW, then in major units, then
  // as it is.
  const read = createDecoder(
    { Priced: z.object({ amount: z.number().int(), currency: z.string() }), Plain: z.object({}) },
    {
      Priced: [
        z.object({ won: z.number() }).transform(({ won }) => ({ price: won, currency: 'KRW' })),
        z
          .object({ price: z.number(), currency: z.string() })
          .transform(({ price, currency }) => ({ amount: price * 100, currency })),
      ],
    },
  );
  const why = (event: RecordedEvent): string => {
    try {
      read(event);
      return 'readable';
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  };

  it('brings data of every version to the newest', () => {
    const today = { amount: 500, currency: 'KRW' };
    expect(read(stored('Priced', 1, { won: 5 })).data).to.deep.equal(today);
    expect(read(stored('Priced', 2, { price: 5, currency: 'KRW' })).data).to.deep.equal(today);
    expect(read(stored('Priced', 3, today)).data).to.deep.equal(today);
    expect(read(stored('Plain', 1, {}))).to.deep.equal(stored('Plain', 1, {}));
  });

  it('takes data for what its version says, not for what it looks like', () => {
    const event = 'UnreadableEvent: event 4@seat-s1/A-1-1 (Priced): ';
    const v3 = { amount: 500, currency: 'KRW' };
    expect(why(stored('Priced', 1, v3))).to.match(/\(Priced\): won: .*expected number/);
    expect(why(stored('Priced', 2, v3))).to.match(/\(Priced\): price: .*expected number/);
    expect(why(stored('Priced', 3, { won: 5 }))).to.match(/\(Priced\): amount: .*expected number/);
    expect(why(stored('Priced', 4, v3))).to.equal(
      `${event}stored version 4 is newer than 3: upgrade first`,
    );
    expect(why(stored('Plain', 2, {}))).to.contain('stored version 2 is newer than 1');
  });

  it('cannot read what has no version, no known type or no data', () => {
    for (const version of [undefined, null, 0, -1, 1.5, '1', 2 ** 60]) {
      expect(why(stored('Plain', version, {})), String(version)).to.contain('no schemaVersion');
    }
    for (const metadata of [undefined, null, 'text', []]) {
      expect(why({ ...stored('Plain', 1, {}), metadata })).to.contain('no schemaVersion');
    }
    for (const type of ['Unheard', 'constructor', '__proto__', 'toString', '']) {
      expect(why(stored(type, 1, {})), type).to.contain(`(${type}): unknown type`);
    }
    for (const data of [undefined, null, 'text', 7, []]) {
      expect(why(stored('Plain', 1, data))).to.match(/\(Plain\): data: .*expected object/);
    }
  });
});
