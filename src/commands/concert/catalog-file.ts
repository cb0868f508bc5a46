import { z } from 'zod';
import { checkConcertId, checkRoom } from '../../events/check-concert.ts';
import { rowSchema, type Section, sectionSchema } from '../../events/events.ts';
import { idSchema } from '../../events/ids.ts';
import { roomSchema } from '../../events/queue-events.ts';
import { timeSchema } from '../../events/time.ts';
import { shownText } from '../../events/writable.ts';
import { storeAppendBytesMax } from '../core/event-store.ts';
import { memberTwice } from '../core/json-text.ts';
import { CatalogFileError } from './catalog-file-error.ts';
import { catalogText } from './catalog-text.ts';
import { inWords } from './catalog-words.ts';
import { seatsOf } from './decider.ts';

/** The largest number of seats of one session. */
export const sessionSeatsMax = 100_000;

/**
 * The largest seat map of a session, as JSON in bytes. It is in one event, together with ids, times
 * and metadata of less than 1 KiB.
 */
export const seatMapBytesMax = storeAppendBytesMax - 16_384;

const seatsSchema = z
  .union([z.number().int().min(1).max(9_999), z.array(z.number().int().min(1).max(99_999)).min(1)])
  .transform((seats) =>
    typeof seats === 'number' ? Array.from({ length: seats }, (_, i) => i + 1) : seats,
  );

/** The largest number of sessions of one concert, because one event claims all their ids. */
export const concertSessionsMax = 10_000;

/**
 * The highest price of a seat, in minor units. With it, the sum of an order stays an exact number.
 */
const priceMax = 1_000_000_000_000;

const sectionsSchema = z
  .array(
    sectionSchema.extend({
      price: z.number().int().min(0).max(priceMax),
      rows: z.array(rowSchema.extend({ seats: seatsSchema })).min(1),
    }),
  )
  .min(1)
  // A pipe, so that seats are counted only if their shape is right.
  .pipe(z.custom<Section[]>())
  .superRefine((sections, context) => {
    const seen = new Set<string>();
    for (const { seatId } of seatsOf(sections)) {
      if (seen.has(seatId))
        context.addIssue({ code: 'custom', message: `seat ${seatId} is there twice` });
      seen.add(seatId);
    }
    if (seen.size > sessionSeatsMax) {
      context.addIssue({ code: 'custom', message: `more than ${sessionSeatsMax} seats` });
    }
  });

/** In UTC, the stored form. In its own zone, a time may be in another year. */
const time = z.iso
  .datetime({ offset: true, message: 'must be a time like 2027-05-01T19:00:00+09:00' })
  .transform((text, context) => {
    const utc = new Date(text).toISOString();
    if (timeSchema.safeParse(utc).success) return utc;
    context.addIssue({ code: 'custom', message: 'must be in the years 0001 to 9999 of UTC' });
    return z.NEVER;
  });

/** The name of a concert or a venue. */
const name = z.string().min(1).max(200).pipe(shownText);

/** The largest number of rooms in one file. Each room has its own places and its own metrics. */
export const roomsMax = 100;

const ofTheCheck = 'is reserved for reprise check';

const fileSchema = z.strictObject({
  /** Seat maps by name, for sessions that share one. */
  seatMaps: z.record(z.string(), sectionsSchema).default({}),
  concerts: z
    .array(
      z.strictObject({
        concertId: idSchema.refine((id) => id !== checkConcertId, ofTheCheck),
        title: name,
        venue: name.optional(),
        /** The concert's room of the waiting queue. Several concerts may share a room. */
        waitingRoom: roomSchema.refine((room) => room !== checkRoom, ofTheCheck).optional(),
        sessions: z
          .array(
            z.strictObject({
              sessionId: idSchema,
              startsAt: time,
              salesOpenAt: time,
              /** The name of a seat map above, or the sections themselves. */
              seatMap: z.unknown(),
            }),
          )
          .max(concertSessionsMax),
      }),
    )
    .min(1),
});

export interface CatalogConcert {
  readonly concertId: string;
  readonly title: string;
  readonly venue?: string | undefined;
  readonly waitingRoom?: string | undefined;
  readonly sessions: readonly CatalogSession[];
}

export interface CatalogSession {
  readonly sessionId: string;
  readonly startsAt: string;
  readonly salesOpenAt: string;
  readonly sections: Section[];
}

/**
 * Reads a catalog from a file's bytes; `docs/catalog-file.md` describes it. It checks the whole
 * file: the service can write everything in it to the log, and read it there.
 * @throws CatalogFileError
 */
export const readCatalog = (bytes: Buffer): readonly CatalogConcert[] =>
  parseCatalog(catalogText(bytes));

/**
 * Reads a catalog from JSON text.
 * @throws CatalogFileError
 */
export function parseCatalog(text: string): readonly CatalogConcert[] {
  const parsed = fileSchema.safeParse(parseJson(text), inWords);
  if (!parsed.success) {
    throw new CatalogFileError(
      parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`),
    );
  }
  const { seatMaps, concerts } = parsed.data;
  const problems = new Problems(seatMaps);
  const read = concerts.map((concert, n) => {
    problems.concert(concert.concertId, `concerts.${n}`);
    const sessions = concert.sessions.map((session, m) =>
      problems.session(session, concert.concertId, `concerts.${n}.sessions.${m}`),
    );
    return { ...concert, sessions };
  });
  problems.rooms(concerts);
  if (problems.lines.length > 0) throw new CatalogFileError(problems.lines);
  return read;
}

function parseJson(text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CatalogFileError([`not JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`]);
  }
  const twice = memberTwice(text);
  if (twice !== undefined) throw new CatalogFileError([`${twice}: there twice`]);
  return json;
}

type FileSession = z.output<typeof fileSchema>['concerts'][number]['sessions'][number];

/** Problems between parts of a file that are right by themselves. */
class Problems {
  readonly lines: string[] = [];
  /** The first place of each id. The shop has only one concert and one session with the same id. */
  readonly #concerts = new Map<string, string>();
  readonly #sessions = new Map<string, string>();
  readonly #seatMaps: Readonly<Record<string, Section[]>>;
  /** The sizes of seat maps. Sessions share them, so each is measured once. */
  readonly #bytes = new Map<Section[], number>();

  constructor(seatMaps: Readonly<Record<string, Section[]>>) {
    this.#seatMaps = seatMaps;
  }

  concert(concertId: string, where: string): void {
    const before = this.#concerts.get(concertId);
    if (before === undefined) this.#concerts.set(concertId, where);
    else this.lines.push(`${where}.concertId: ${concertId} is there twice (${before})`);
  }

  rooms(concerts: readonly { readonly waitingRoom?: string | undefined }[]): void {
    const rooms = new Set(concerts.flatMap(({ waitingRoom }) => waitingRoom ?? []));
    if (rooms.size <= roomsMax) return;
    this.lines.push(`waitingRoom: ${rooms.size} rooms, and a shop has ${roomsMax} at most`);
  }

  session({ seatMap, ...session }: FileSession, concertId: string, where: string): CatalogSession {
    const { sessionId, startsAt, salesOpenAt } = session;
    const before = this.#sessions.get(sessionId);
    if (before === undefined) this.#sessions.set(sessionId, `concert ${concertId}, ${where}`);
    else this.lines.push(`${where}.sessionId: ${sessionId} is there twice (${before})`);
    if (Date.parse(salesOpenAt) >= Date.parse(startsAt)) {
      this.lines.push(`${where}.salesOpenAt: sales open after it starts, at ${startsAt}`);
    }
    const sections = this.#seats(seatMap, `${where}.seatMap`);
    const bytes = this.#bytesOf(sections);
    if (bytes > seatMapBytesMax) {
      const rule = `must take ${seatMapBytesMax} bytes at most in the log`;
      this.lines.push(
        `${where}.seatMap: ${rule}, and takes ${bytes}: it has too many rows or seats`,
      );
    }
    return { ...session, sections };
  }

  /** A session's seats, from the seat map's name or given directly. */
  #seats(seatMap: unknown, where: string): Section[] {
    if (typeof seatMap === 'string') {
      const named = Object.hasOwn(this.#seatMaps, seatMap) ? this.#seatMaps[seatMap] : undefined;
      if (named === undefined) this.lines.push(`${where}: no seat map "${seatMap}" in seatMaps`);
      return named ?? [];
    }
    const parsed = sectionsSchema.safeParse(seatMap, inWords);
    if (parsed.success) return parsed.data;
    for (const { path, message } of parsed.error.issues) {
      this.lines.push(`${[where, ...path].join('.')}: ${message}`);
    }
    return [];
  }

  #bytesOf(sections: Section[]): number {
    const bytes = this.#bytes.get(sections) ?? Buffer.byteLength(JSON.stringify(sections));
    this.#bytes.set(sections, bytes);
    return bytes;
  }
}
