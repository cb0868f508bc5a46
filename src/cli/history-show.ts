import type { EventStore } from '../commands/core/event-store.ts';
import { readConfig } from '../config.ts';
import type { RecordedEvent } from '../events/codec.ts';
import { idSchema } from '../events/ids.ts';
import { readSkips } from '../events/skipped.ts';
import { accountStream, keyHash, requestStream, seatStream } from '../events/streams.ts';
import { eventsBetween, eventsOfReservation } from '../history/events-of.ts';
import { holdsOf } from '../history/holds.ts';
import { asJsonLine, asTableLines, tableHead } from '../history/lines.ts';
import { isReaderGone, Output } from '../history/output.ts';
import { asToldLine, waitingOf } from '../history/waiting.ts';
import { answerIn, whyNot } from '../history/why-not.ts';
import { logMustExist } from '../servers/servers.ts';
import { withLog } from './with-servers.ts';

/** As the command line has them. Times are milliseconds since the epoch. */
export interface HistoryFlags {
  readonly json?: true;
  readonly from?: number;
  readonly until?: number;
}

export interface SeatHistoryFlags extends HistoryFlags {
  /** The user who did not get the seat, for the explanation. */
  readonly user?: string;
  /** The Idempotency-Key of that user's request. */
  readonly key?: string;
}

/** @throws Error with a message for people */
export async function seatHistory(
  sessionId: string,
  seatId: string,
  flags: SeatHistoryFlags,
): Promise<void> {
  const { user, key } = flags;
  if (key !== undefined && user === undefined)
    throw new Error('--key needs --user, because each key belongs to a user');
  checkIds(sessionId, seatId, ...(user === undefined ? [] : [user]));
  const stream = seatStream(sessionId, seatId);
  await withOutput(async (log, output) => {
    const count = await show(output, log.readStream(stream), flags);
    if (user === undefined) {
      if (count === 0) throw nothing(`of seat ${seatId} of session ${sessionId}`, flags);
      return;
    }
    const request = key === undefined ? undefined : requestStream(keyHash('reserve', user, key));
    const why = whyNot(await holdsOf(log.readStream(stream), await readSkips(log)), {
      userId: user,
      answer:
        request === undefined ? undefined : ((await answerIn(log.readStream(request))) ?? null),
      ...rangeOf(flags),
    });
    await output.write(
      flags.json ? `${JSON.stringify({ user, answer: why })}\n` : `\n${why.join('\n')}\n`,
    );
  });
}

/** `reprise history reservation`. @throws Error with a message for people */
export async function reservationHistory(id: string, flags: HistoryFlags): Promise<void> {
  await withOutput(async (log, output) => {
    const events = await eventsOfReservation(log, id);
    if (events === undefined) throw new Error(`the log has no reservation ${id}`);
    if ((await show(output, events, flags)) === 0) throw nothing(`of reservation ${id}`, flags);
  });
}

/** `reprise history account`. @throws Error with a message for people */
export async function accountHistory(userId: string, flags: HistoryFlags): Promise<void> {
  checkIds(userId);
  await withOutput(async (log, output) => {
    const count = await show(output, log.readStream(accountStream(userId)), flags);
    if (count === 0) throw nothing(`of the account of user ${userId}`, flags);
  });
}

/** @throws Error with a message for people */
export async function waitingHistory(userId: string, flags: HistoryFlags): Promise<void> {
  checkIds(userId);
  const { fromMs, untilMs } = rangeOf(flags);
  await withOutput(async (log, output) => {
    const all = await waitingOf(log, userId, Date.now());
    const told = all.filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs);
    if (told.length === 0) throw nothing(`of user ${userId} in the waiting queue`, flags);
    for (const one of told) {
      const { atMs, room, what } = one;
      const json = () => JSON.stringify({ time: new Date(atMs).toISOString(), room, what });
      await output.write(`${flags.json ? json() : asToldLine(one)}\n`);
    }
  });
}

/**
 * Prints events when they come, only as fast as the reader reads.
 * @returns their number
 */
async function show(
  output: Output,
  events: AsyncIterable<RecordedEvent>,
  flags: HistoryFlags,
): Promise<number> {
  const { fromMs, untilMs } = rangeOf(flags);
  let count = 0;
  for await (const event of eventsBetween(events, fromMs, untilMs)) {
    if (count === 0 && !flags.json) await output.write(`${tableHead}\n`);
    await output.write(`${flags.json ? asJsonLine(event) : asTableLines(event)}\n`);
    count += 1;
  }
  return count;
}

const rangeOf = ({ from, until }: HistoryFlags) => ({
  fromMs: from ?? Number.NEGATIVE_INFINITY,
  untilMs: until ?? Number.POSITIVE_INFINITY,
});

const nothing = (of: string, { from, until }: HistoryFlags): Error =>
  new Error(
    from === undefined && until === undefined
      ? `the log has nothing ${of}: it does not exist, or nothing has happened to it`
      : `the log has nothing ${of} in that time`,
  );

function checkIds(...ids: readonly string[]): void {
  for (const id of ids) {
    if (!idSchema.safeParse(id).success) {
      throw new Error(
        `${JSON.stringify(id)} is not an id: an id has 1 to 64 characters of A-Z a-z 0-9 _ -`,
      );
    }
  }
}

/**
 * Works with a log that exists and with standard output. If the reader of the output ends early, as
 * `| head` does, this is not an error.
 */
async function withOutput(work: (log: EventStore, output: Output) => Promise<void>): Promise<void> {
  const config = readConfig(process.env);
  await logMustExist(config);
  const output = new Output();
  await withLog(config, async (log) => {
    await work(log, output);
    output.check();
  }).catch((error) => {
    if (!isReaderGone(error)) throw error;
  });
}
