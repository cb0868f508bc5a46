import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { readConfig } from '../config.ts';
import type { HistoryFlags, SeatHistoryFlags } from './history-of.ts';

/** Adds `reprise history` to the command line. */
export function addHistory(program: Command): void {
  const history = program
    .command('history')
    .description(
      'What happened to a seat, a reservation or an account: when, and by which command.',
    )
    .addHelpText(
      'after',
      `
Reads the log, and nothing else: the running service's, the one of EVENTSTORE_URL, or the embedded one in
DATA_DIR. A line an event, the newest last: when the log took it, what happened, the command that it came from,
its position, its revision and stream, and by whom: the request that asked for it (its X-Request-Id, which the
service's own log lines have, too), the service by itself, or the organiser, when it cancelled the session.

Examples:
  $ reprise history seat 1-1 VIP-1-1
  $ reprise history seat 1-1 VIP-1-1 --user 42      why did user 42 not get it?
  $ reprise history reservation 1-1.VIP-1-1.1       seat, order and payment woven together
  $ reprise history account 42 --from 2027-05-01T10:00:00+09:00
  $ reprise history account 42 --json | jq 'select(.type == "PaymentRefunded")'

Exit codes: 0 shown, 1 the log has nothing of it, or could not be read.`,
    );

  /** With the options that every history has. */
  const historyCommand = (nameAndArgs: string, about: string): Command =>
    history
      .command(nameAndArgs)
      .description(about)
      .option('--from <time>', 'events of this moment and later: 2027-05-01T19:00:00+09:00', moment)
      .option('--until <time>', 'events up to this moment', moment)
      .option('--json', 'a line of JSON an event, with all that the log has of it');

  historyCommand('seat <session> <seat>', 'Who had a seat, and how each hold of it ended.')
    .option('--user <id>', 'tell why this user did not get it, as far as the log knows')
    .option('--key <key>', 'the Idempotency-Key of that user’s reservation: what it was answered')
    .addHelpText(
      'after',
      `
With --user it says after the events who had the seat from when until when and what became of it, and how far
that user came. A try that was refused leaves no event, unless it had an Idempotency-Key: the answer to it is
kept, and --key finds it and says whose the seat was at that moment.

Examples:
  $ reprise history seat 1-1 VIP-1-1 --user 42
  $ reprise history seat 1-1 VIP-1-1 --user 42 --key 7c1f --until 2027-05-01T20:05:00+09:00`,
    )
    .action(async (session: string, seat: string, flags: SeatHistoryFlags) => {
      const { seatHistory } = await import('./history-of.ts');
      await seatHistory(session, seat, flags, readConfig(process.env));
    });

  historyCommand(
    'reservation <id>',
    'All that the log has of a reservation: its seats, its order and its payment.',
  ).action(async (id: string, flags: HistoryFlags) => {
    const { reservationHistory } = await import('./history-of.ts');
    await reservationHistory(id, flags, readConfig(process.env));
  });

  historyCommand('account <user>', 'What was charged, held, paid and refunded.').action(
    async (user: string, flags: HistoryFlags) => {
      const { accountHistory } = await import('./history-of.ts');
      await accountHistory(user, flags, readConfig(process.env));
    },
  );
}

/** Milliseconds since the epoch. */
function moment(text: string): number {
  const isTime = z.iso.datetime({ offset: true }).safeParse(text).success;
  if (!isTime) throw new InvalidArgumentError('Give a time like 2027-05-01T19:00:00+09:00.');
  return Date.parse(text);
}
