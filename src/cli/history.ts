import type { Command } from 'commander';
import type { EventStore } from '../commands/core/event-store.ts';
import { type Config, readConfig } from '../config.ts';
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
import { moment } from './moment.ts';
import { withLog } from './with-servers.ts';

/** `reprise history`. */
export function defineHistory(history: Command): void {
  history.addHelpText(
    'after',
    `
The command reads only the log: the log of the running service, of EVENTSTORE_URL, or the embedded
log in DATA_DIR. It prints one line per event, the newest last. A line has the time of the event,
what happened, the command that caused it, its position, its revision and stream, and its author.
The author is a request (its X-Request-Id, which the log lines of the service also have), the
service itself, or the organiser who cancelled the session.

Examples:
  $ reprise history seat 1-1 VIP-1-1
  $ reprise history seat 1-1 VIP-1-1 --user 42      why did user 42 not get it?
  $ reprise history reservation 1-1.VIP-1-1.1       the events of seat, order and payment together
  $ reprise history account 42 --from 2027-05-01T10:00:00+09:00
  $ reprise history waiting 42                      why did user 42 wait so long?
  $ reprise history account 42 --json | jq 'select(.type == "PaymentRefunded")'

Exit codes: 0 events were shown, 1 the log has no such event, or did not answer.`,
  );

  /** With the options that every history has. */
  const historyCommand = (nameAndArgs: string, about: string): Command =>
    history
      .command(nameAndArgs)
      .description(about)
      .option(
        '--from <time>',
        'only events of this time and later: 2027-05-01T19:00:00+09:00',
        moment,
      )
      .option('--until <time>', 'only events up to this time', moment)
      .option('--json', 'print one line of JSON per event, with all its data');

  historyCommand('seat <session> <seat>', 'Show who had a seat, and how each hold of it ended.')
    .option('--user <id>', 'explain why this user did not get it, as far as the log shows')
    .option('--key <key>', 'the Idempotency-Key of that user’s reservation: show its answer')
    .addHelpText(
      'after',
      `
With --user, the command prints more after the events: who had the seat, from when until when, how
each hold ended, and what this user reached. A refused request leaves no event. But if the request
had an Idempotency-Key, the log has its answer. --key finds this answer, and shows who had the seat
at that time.

Examples:
  $ reprise history seat 1-1 VIP-1-1 --user 42
  $ reprise history seat 1-1 VIP-1-1 --user 42 --key 7c1f --until 2027-05-01T20:05:00+09:00`,
    )
    .action((session: string, seat: string, flags: SeatHistoryFlags) =>
      seatHistory(session, seat, flags, readConfig(process.env)),
    );

  historyCommand(
    'reservation <id>',
    'Show all events of a reservation: its seats, its order and its payment.',
  ).action((id: string, flags: HistoryFlags) =>
    reservationHistory(id, flags, readConfig(process.env)),
  );

  historyCommand('waiting <user>', 'Explain why a user waited so long in the waiting queue.')
    .addHelpText('after', waitingHelp)
    .action((user: string, flags: HistoryFlags) =>
      waitingHistory(user, flags, readConfig(process.env)),
    );

  historyCommand('account <user>', 'Show what was charged, held, paid and refunded.').action(
    (user: string, flags: HistoryFlags) => accountHistory(user, flags, readConfig(process.env)),
  );
}

const waitingHelp = `
The command reads the events of the queue (QUEUE_LOG=on), of every room. It shows
  - when the user enrolled, and how many users waited in front
  - when the user was away
  - how an operator steered the queue in this time
  - how long the wait was, and how many other users were admitted in this time
  - whether the user claimed the admission
Moves of several instances may be up to a second out of order in the log. So the counts may be
slightly wrong.

Examples:
  $ reprise history waiting 42
  $ reprise history waiting 42 --from 2027-05-01T19:00:00+09:00 --json`;

/** As the command line has them. Times are milliseconds since the epoch. */
interface HistoryFlags {
  readonly json?: true;
  readonly from?: number;
  readonly until?: number;
}

interface SeatHistoryFlags extends HistoryFlags {
  /** The user who did not get the seat, for the explanation. */
  readonly user?: string;
  /** The Idempotency-Key of that user's request. */
  readonly key?: string;
}

/** @throws Error with a message for people */
async function seatHistory(
  sessionId: string,
  seatId: string,
  flags: SeatHistoryFlags,
  config: Config,
): Promise<void> {
  const { user, key } = flags;
  if (key !== undefined && user === undefined)
    throw new Error('--key needs --user, because each key belongs to a user');
  checkIds(sessionId, seatId, ...(user === undefined ? [] : [user]));
  const stream = seatStream(sessionId, seatId);
  await withOutput(config, async (log, output) => {
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
async function reservationHistory(id: string, flags: HistoryFlags, config: Config): Promise<void> {
  await withOutput(config, async (log, output) => {
    const events = await eventsOfReservation(log, id);
    if (events === undefined) throw new Error(`the log has no reservation ${id}`);
    if ((await show(output, events, flags)) === 0) throw nothing(`of reservation ${id}`, flags);
  });
}

/** `reprise history account`. @throws Error with a message for people */
async function accountHistory(userId: string, flags: HistoryFlags, config: Config): Promise<void> {
  checkIds(userId);
  await withOutput(config, async (log, output) => {
    const count = await show(output, log.readStream(accountStream(userId)), flags);
    if (count === 0) throw nothing(`of the account of user ${userId}`, flags);
  });
}

/** @throws Error with a message for people */
async function waitingHistory(userId: string, flags: HistoryFlags, config: Config): Promise<void> {
  checkIds(userId);
  const { fromMs, untilMs } = rangeOf(flags);
  await withOutput(config, async (log, output) => {
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
async function withOutput(
  config: Config,
  work: (log: EventStore, output: Output) => Promise<void>,
): Promise<void> {
  await logMustExist(config);
  const output = new Output();
  await withLog(config, async (log) => {
    await work(log, output);
    output.check();
  }).catch((error) => {
    if (!isReaderGone(error)) throw error;
  });
}
