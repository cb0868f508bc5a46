import fc from 'fast-check';
import { anyCharacter } from '../../support/any-character.ts';

/** Values on the edge of what is allowed, and over it, beside ordinary ones. */

const often = <T>(usual: fc.Arbitrary<T>, nasty: fc.Arbitrary<T>, weight = 6) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: nasty });

/**
 * Ids: numbers stand for their text, and the names of what every object has are ids like others.
 */
export const nastyId: fc.Arbitrary<unknown> = often(
  fc.constantFrom<unknown>('a', 'b', '7', 7, 0, '-', '_', 'A'.repeat(64), '__proto__', 'toString'),
  fc.constantFrom<unknown>(
    '',
    'a b',
    'ü',
    'a\0',
    'a'.repeat(65),
    -1,
    1.5,
    2 ** 53,
    null,
    '\ud800',
    'a/b',
  ),
  90,
);

export const nastyText: fc.Arbitrary<unknown> = often(
  fc.oneof(
    fc.constantFrom<unknown>(
      'One',
      '가을 밤',
      '👩‍👩‍👧',
      'é',
      "Robert'); DROP TABLE--",
      '\ufffd',
      '<b>',
      ' x ',
      'x'.repeat(200),
    ),
    fc.string({ minLength: 1, maxLength: 30, unit: anyCharacter }),
  ),
  fc.constantFrom<unknown>(
    '',
    ' ',
    '\u200b',
    '\ud83d',
    'a\udc00b',
    'a\0b',
    '\0',
    'x'.repeat(201),
    5,
    null,
    [],
    {},
  ),
  30,
);

export const nastyTime: fc.Arbitrary<unknown> = often(
  fc.constantFrom<unknown>(
    '2027-01-01T00:00:00Z',
    '2027-05-01T19:00:00+09:00',
    '2027-05-01T19:00:00.123456789Z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '2028-02-29T00:00:00-23:59',
  ),
  fc.constantFrom<unknown>(
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-14:00',
    '2027-02-29T00:00:00Z',
    '2027-05-01T24:00:00Z',
    '2027-05-01T19:00:60Z',
    '2027-05-01',
    '+012027-05-01T19:00:00Z',
    '2027-05-01T19:00:00',
    1,
    null,
  ),
  40,
);

export const nastyAmount: fc.Arbitrary<unknown> = often(
  fc.constantFrom<unknown>(0, 1, 100, 10 ** 12),
  fc.constantFrom<unknown>(-1, 0.5, 10 ** 12 + 1, 2 ** 53 - 1, 2 ** 53, 1e300, '1', null, -0),
  60,
);

const nastyName = often(
  fc.constantFrom<unknown>('A', 'VIP', '1', '_', 'x'.repeat(16)),
  fc.constantFrom<unknown>('', 'A-1', 'a b', '가', 'x'.repeat(25), 1, null),
  120,
);

const nastySeats = often(
  fc.constantFrom<unknown>(1, 2, [1], [2, 1], [1, 2, 99_999]),
  fc.constantFrom<unknown>(0, -1, 1.5, 10_000, [], [0], [1, 1], [100_000], 'many', null),
  60,
);

const section = fc.record({
  section: nastyName,
  price: nastyAmount,
  rows: fc.array(fc.record({ row: nastyName, seats: nastySeats }), {
    minLength: 1,
    maxLength: 2,
  }),
});
const seatMap = often(
  fc.array(section, { minLength: 1, maxLength: 2 }) as fc.Arbitrary<unknown>,
  fc.constantFrom<unknown>('hall', 'hall', 'hall', 'attic', '__proto__', [], null, 7),
  5,
);
const session = fc.record({
  sessionId: nastyId,
  startsAt: nastyTime.map((time) =>
    typeof time === 'string' ? time.replace('2027', '2028') : time,
  ),
  salesOpenAt: nastyTime,
  seatMap,
});
const concert = fc.record(
  {
    concertId: nastyId,
    title: nastyText,
    venue: nastyText,
    sessions: fc.array(session, { maxLength: 2 }),
  },
  { requiredKeys: ['concertId', 'title', 'sessions'] },
);

/** What is done to the bytes of a file. */
type Spoil = (text: string) => Buffer;
const asUtf8: Spoil = (text) => Buffer.from(text);
const bom = '\uFEFF';
const spoil: fc.Arbitrary<Spoil> = often(
  fc.constantFrom<Spoil>(asUtf8, asUtf8, (text) => Buffer.from(`${bom}${text}`)),
  fc.constantFrom<Spoil>(
    (text) => Buffer.from(text, 'latin1'),
    (text) => Buffer.from(text, 'utf16le'),
    (text) => Buffer.from(`${bom}${text}`, 'utf16le'),
    (text) => Buffer.from(text.slice(0, -1)),
    (text) => Buffer.concat([Buffer.from(text), Buffer.from([0xff])]),
    (text) => Buffer.from(text.replace('"title":', '"title":"twice","title":')),
    (text) => Buffer.from(text.replace('"concerts":', '"c\\u006fncerts":[],"concerts":')),
  ),
  9,
);

/** The bytes of a catalog file, most of them nearly right. */
export const nastyCatalog: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(concert, { minLength: 1, maxLength: 2 }),
    fc.record({ hall: fc.array(section, { minLength: 1, maxLength: 1 }) }),
    spoil,
  )
  .map(([concerts, seatMaps, spoiled]) => spoiled(JSON.stringify({ seatMaps, concerts })));
