import type { EventStore } from '../commands/core/event-store.ts';
import type { Config } from '../config.ts';
import type { RecordedEvent } from '../events/codec.ts';
import { idSchema } from '../events/ids.ts';
import { readSkips } from '../events/skipped.ts';
import { accountStream, keyHash, requestStream, seatStream } from '../events/streams.ts';
import { eventsBetween, eventsOfReservation } from '../history/events-of.ts';
import { holdsOf } from '../history/holds.ts';
import { asJsonLine, asTableLines, tableHead } from '../history/lines.ts';
import { isReaderGone, Output } from '../history/output.ts';
import { answerIn, whyNot } from '../history/why-not.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { borrowEventStore, logMustExist } from '../servers/servers.ts';

/** As the command line has them. Times are milliseconds since the epoch. */
export interface HistoryFlags {
  readonly json?: true;
  readonly from?: number;
  readonly until?: number;
}

export interface SeatHistoryFlags extends HistoryFlags {
  /** Whose not having got the seat is to be explained. */
  readonly user?: string;
  /** The Idempotency-Key of that user's request. */
  readonly key?: string;
}

/** `reprise history seat`. @throws Error in words for people */
export async function seatHistory(
  sessionId: string,
  seatId: string,
  flags: SeatHistoryFlags,
  config: Config,
): Promise<void> {
  const { user, key } = flags;
  if (key !== undefined && user === undefined)
    throw new Error('--key needs --user: keys are a user’s own');
  checkIds(sessionId, seatId, ...(user === undefined ? [] : [user]));
  const stream = seatStream(sessionId, seatId);
  await withLog(config, async (log, output) => {
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

/** `reprise history reservation`. @throws Error in words for people */
export async function reservationHistory(
  id: string,
  flags: HistoryFlags,
  config: Config,
): Promise<void> {
  await withLog(config, async (log, output) => {
    const events = await eventsOfReservation(log, id);
    if (events === undefined) throw new Error(`the log has no reservation ${id}`);
    if ((await show(output, events, flags)) === 0) throw nothing(`of reservation ${id}`, flags);
  });
}

/** `reprise history account`. @throws Error in words for people */
export async function accountHistory(
  userId: string,
  flags: HistoryFlags,
  config: Config,
): Promise<void> {
  checkIds(userId);
  await withLog(config, async (log, output) => {
    const count = await show(output, log.readStream(accountStream(userId)), flags);
    if (count === 0) throw nothing(`of the account of user ${userId}`, flags);
  });
}

/** Prints events as they come, no faster than they are taken. @returns how many */
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
      ? `the log has nothing ${of}: nothing ever happened to it, or there is none`
      : `the log has nothing ${of} in that time`,
  );

function checkIds(...ids: readonly string[]): void {
  for (const id of ids) {
    if (!idSchema.safeParse(id).success) {
      throw new Error(`${JSON.stringify(id)} is no id: ids are 1 to 64 of A-Z a-z 0-9 _ -`);
    }
  }
}

/** The running service's log, the configured one, or the embedded one of DATA_DIR: one that is there. */
async function withLog(
  config: Config,
  work: (log: EventStore, output: Output) => Promise<void>,
): Promise<void> {
  await logMustExist(config);
  const output = new Output();
  const server = await borrowEventStore(config);
  const log = connectEventStore(server.url);
  try {
    await work(log, output);
    output.check();
  } catch (error) {
    if (!isReaderGone(error)) throw error;
  } finally {
    await log.close();
    await server.stop();
  }
}
