import type { Command } from 'commander';
import type { HistoryFlags, SeatHistoryFlags } from './history-show.ts';
import { moment } from './moment.ts';

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
    .action(async (session: string, seat: string, flags: SeatHistoryFlags) =>
      (await loadShow()).seatHistory(session, seat, flags),
    );

  historyCommand(
    'reservation <id>',
    'Show all events of a reservation: its seats, its order and its payment.',
  ).action(async (id: string, flags: HistoryFlags) =>
    (await loadShow()).reservationHistory(id, flags),
  );

  historyCommand('waiting <user>', 'Explain why a user waited so long in the waiting queue.')
    .addHelpText('after', waitingHelp)
    .action(async (user: string, flags: HistoryFlags) =>
      (await loadShow()).waitingHistory(user, flags),
    );

  historyCommand('account <user>', 'Show what was charged, held, paid and refunded.').action(
    async (user: string, flags: HistoryFlags) => (await loadShow()).accountHistory(user, flags),
  );
}

/**
 * The help does not need the code that reads the log. So the command loads this code only when it
 * runs.
 */
const loadShow = () => import('./history-show.ts');

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
