import { z } from 'zod';
import { rowSchema, type Section, sectionSchema } from '../../events/events.ts';
import { idSchema } from '../../events/ids.ts';
import { inWords } from './catalog-words.ts';
import { seatsOf } from './concert.ts';

/** Seats of one session at most: its seat map has to fit into one event (1 MiB). */
export const sessionSeatsMax = 100_000;

const seatsSchema = z
  .union([z.number().int().min(1).max(9_999), z.array(z.number().int().min(1).max(99_999)).min(1)])
  .transform((seats) =>
    typeof seats === 'number' ? Array.from({ length: seats }, (_, i) => i + 1) : seats,
  );

/** Sessions of one concert at most: their ids are claimed in one event. */
export const concertSessionsMax = 10_000;

/** Dearest seat, in minor units: the sum of an order stays a number that is exact. */
const priceMax = 1_000_000_000_000;

const sectionsSchema = z
  .array(
    sectionSchema.extend({
      price: z.number().int().min(0).max(priceMax),
      rows: z.array(rowSchema.extend({ seats: seatsSchema })).min(1),
    }),
  )
  .min(1)
  // A pipe: seats are counted only once their shape is right.
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

const time = z.iso
  .datetime({ offset: true, message: 'must be a time like 2027-05-01T19:00:00+09:00' })
  .transform((text) => new Date(text).toISOString());

const fileSchema = z.strictObject({
  /** Seat maps by name, for sessions that share one. */
  seatMaps: z.record(z.string(), sectionsSchema).default({}),
  concerts: z
    .array(
      z.strictObject({
        concertId: idSchema,
        title: z.string().min(1).max(200),
        venue: z.string().min(1).max(200).optional(),
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
  readonly sessions: readonly CatalogSession[];
}

export interface CatalogSession {
  readonly sessionId: string;
  readonly startsAt: string;
  readonly salesOpenAt: string;
  readonly sections: Section[];
}

/** Every reason why a catalogue file cannot be used, one line each with the place in the file. */
export class CatalogFileError extends Error {
  constructor(problems: readonly string[]) {
    super(`the catalogue cannot be used:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'CatalogFileError';
  }
}

/**
 * Reads a catalogue from JSON text; `docs/catalog-file.md` describes it.
 * @throws CatalogFileError
 */
export function parseCatalog(text: string): readonly CatalogConcert[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CatalogFileError([`not JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`]);
  }
  const parsed = fileSchema.safeParse(json, inWords);
  if (!parsed.success) {
    throw new CatalogFileError(
      parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`),
    );
  }
  const { seatMaps, concerts } = parsed.data;
  const problems: string[] = [];
  const owners = new Map<string, string>();
  const named = concerts.map((concert) => {
    const sessions = concert.sessions.map(({ seatMap, ...session }) => {
      const { sessionId, startsAt, salesOpenAt } = session;
      const owner = owners.get(sessionId);
      if (owner) problems.push(`session ${sessionId}: there twice (concert ${owner})`);
      owners.set(sessionId, concert.concertId);
      if (salesOpenAt >= startsAt)
        problems.push(`session ${sessionId}: sales open after it starts`);
      const sections = resolveSeatMap(seatMap, seatMaps, `session ${sessionId}`, problems);
      return { ...session, sections };
    });
    return { ...concert, sessions };
  });
  const twice = named.find(
    (concert, i) => named.findIndex((c) => c.concertId === concert.concertId) < i,
  );
  if (twice) problems.push(`concert ${twice.concertId}: there twice`);
  if (problems.length > 0) throw new CatalogFileError(problems);
  return named;
}

/** A session's seats, by the seat map's name or as they are; what is wrong is added to the problems. */
function resolveSeatMap(
  seatMap: unknown,
  seatMaps: Readonly<Record<string, Section[]>>,
  where: string,
  problems: string[],
): Section[] {
  if (typeof seatMap === 'string') {
    const named = Object.hasOwn(seatMaps, seatMap) ? seatMaps[seatMap] : undefined;
    if (named === undefined) problems.push(`${where}: no seat map "${seatMap}" in seatMaps`);
    return named ?? [];
  }
  const parsed = sectionsSchema.safeParse(seatMap, inWords);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    problems.push(`${where}, ${['seatMap', ...path].join('.')}: ${message}`);
  }
  return [];
}
