import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Pool } from 'pg';
import { type Consequence, consequenceOf } from '../commands/skipping/consequences.ts';
import {
  lookAt,
  type Named,
  type Skippable,
  SkipRefused,
  skipEvent,
} from '../commands/skipping/skip-event.ts';
import { type Config, readConfig } from '../config.ts';
import { shownText } from '../events/writable.ts';
import { projections } from '../projections/models/registry.ts';
import { isInReadModels, parkedName } from '../projections/parking/parked-table.ts';
import { retryParked } from '../projections/parking/retry.ts';
import { counted, parkedLines } from './parked-lines.ts';
import { table } from './table.ts';
import { type CommandServers, cancellable, longWrites, withServers } from './with-servers.ts';

/** The number of shown characters of an event's data, and the longest reason in characters. */
const dataCharsMax = 2_000;
const reasonCharsMax = 500;

/** As the command line has them. */
interface SkipFlags {
  readonly id?: string;
  readonly reason?: string;
  readonly acceptLoss?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

/** `reprise projections skip`. */
export function defineProjectionsSkip(command: Command): void {
  command
    .argument('<event>', '<revision>@<stream>, as reprise projections and reprise verify name it')
    .option('--id <id>', 'the event’s id; the command refuses an event with another id')
    .option('--reason <text>', 'why; the log keeps the text')
    .option('--accept-loss', 'skip the event even if money, a seat or a promise may be lost')
    .option('--dry-run', 'show the event and the consequences, and write nothing')
    .option('--yes', 'do not ask for a confirmation')
    .addHelpText(
      'after',
      `
An unreadable event blocks its stream. The service refuses commands on the stream and parks its later
events, and reprise verify fails. First look for a version that can read the event. If there is one,
deploy it and run reprise projections retry. Otherwise use this command. It appends an event to the
stream. From then on, every version, instance and rebuild ignores the unreadable event. Commands use
the other events of the stream, and the read models get them. reprise verify counts the event as
skipped. It still reports if money or seats are wrong without the event. The command removes nothing
from the log.

The command shows the event, and the consequences of skipping it. For an event about money, a seat or
a promise, and for an event of a newer version, you must add --accept-loss. The command refuses an
event that this version can read, that the read models have, that is not in the log, or that has
another id than --id. If verify reports a wrong title, the event can be read: import the catalog with
another title instead. The command asks before it writes. Skipping an event again changes nothing. If
the command is interrupted, run it again.

Before you use this command, update every instance to a version that has it. Older versions cannot
read the event that it writes. The service may be running or not. The command finds the servers in
the same way as reprise rebuild.

Examples:
  $ reprise projections                                    shows the parked events
  $ reprise projections skip 1@concert-gala --dry-run      shows the consequences
  $ reprise projections skip 1@concert-gala --accept-loss --reason 'year 0, imported by 0.1.0'

Exit codes: 0 the event is skipped, or the dry run found that this is possible; 1 anything else.`,
    )
    .action((event: string, flags: SkipFlags) => skipNamed(event, flags, readConfig(process.env)));
}

/**
 * @param name `<revision>@<stream>`, as everything names an event
 * @throws Error with a message for people when it is refused, or could not be done
 */
async function skipNamed(name: string, flags: SkipFlags, config: Config): Promise<void> {
  const named = { ...parseName(name), id: flags.id };
  const reason = reasonIn(flags);
  await withServers(config, { bounds: longWrites }, async (servers) => {
    const found = await lookAt(servers.eventStore, named);
    const consequence = consequenceOf(found.event);
    for (const line of describe(found, consequence)) console.log(line);
    if (!found.isSkipped) await assertAllowed(found, consequence, flags, servers.pool);
    if (flags.dryRun) {
      const needs = consequence.mayLose && !found.isSkipped ? '; it needs --accept-loss' : '';
      return console.log(`nothing was written: --dry-run${needs}`);
    }
    if (!found.isSkipped) {
      if (reason === undefined)
        throw new SkipRefused('give a reason with --reason <text>: the log stores it');
      if (!flags.yes) await confirm();
    }
    await cancellable('cancelled: run the command again to finish', (signal) =>
      skipAndRetry(found, reason ?? '', servers, signal),
    );
  });
}

/** Skips the event if it is not skipped yet, and writes the events that were parked after it. */
async function skipAndRetry(
  { event, isSkipped }: Skippable,
  reason: string,
  servers: CommandServers,
  signal: AbortSignal,
): Promise<void> {
  const { stream, revision, id } = event;
  const isNew =
    !isSkipped &&
    (await skipEvent(servers.eventStore, { stream, revision, id }, { reason, nowMs: Date.now() }));
  const name = `${revision}@${stream}`;
  console.log(isNew ? `skipped: ${name}` : `already skipped: ${name}`);
  const onProgress = () => {};
  const retried = await retryParked({ ...servers, projections, signal, onProgress });
  if (retried.written > 0) {
    console.log(`written: ${counted(retried.written, 'event')} that had been parked`);
  }
  const stuck = retried.remaining.filter((one) => one.stream === parkedName(stream));
  for (const line of parkedLines(stuck)) console.log(line);
}

/** @throws SkipRefused if the event cannot be skipped, or needs another confirmation */
async function assertAllowed(
  { event }: Skippable,
  { mayLose }: Consequence,
  { acceptLoss, dryRun }: SkipFlags,
  pool: Pool,
): Promise<void> {
  if (await isInReadModels(pool, event)) {
    throw new SkipRefused(
      'the read models have this event, so another version of the service can read it: use that version',
    );
  }
  if (mayLose && !acceptLoss && !dryRun) {
    throw new SkipRefused(
      'money, a seat or a promise may be lost, see above: add --accept-loss to accept this',
    );
  }
}

function parseName(name: string): Named {
  const [, revision, stream] = /^(\d{1,16})@(.+)$/s.exec(name) ?? [];
  if (revision !== undefined && stream !== undefined) return { revision: BigInt(revision), stream };
  throw new SkipRefused(
    `${JSON.stringify(name)} is not the name of an event: write <revision>@<stream>, like reprise projections and reprise verify`,
  );
}

function reasonIn({ reason }: SkipFlags): string | undefined {
  if (reason === undefined) return undefined;
  const parsed = shownText.max(reasonCharsMax).safeParse(reason);
  if (parsed.success) return reason;
  throw new SkipRefused(`--reason ${parsed.error.issues[0]?.message}`);
}

function describe(found: Skippable, { words }: Consequence): readonly string[] {
  const { event, why, later, isSkipped } = found;
  const { id, type, stream, revision, createdMs } = event;
  const since = new Date(createdMs).toISOString();
  return table([
    ['event', `${revision}@${stream} (${type}), id ${id}`],
    ['in the log', `since ${since}, ${counted(later, 'event')} of its stream after it`],
    ['data', (JSON.stringify(event.data) ?? '-').slice(0, dataCharsMax)],
    ['why', why],
    ...(isSkipped ? [] : [['if skipped', words]]),
  ]);
}

async function confirm(): Promise<void> {
  if (process.stdin.isTTY !== true) {
    throw new SkipRefused(
      'there is no terminal to ask for a confirmation: add --yes to skip the event without it',
    );
  }
  const { stdin: input, stdout: output } = process;
  const lines = createInterface({ input, output });
  const gone = new AbortController();
  // After Ctrl-C or Ctrl-D, the question would never get an answer.
  lines.once('close', () => gone.abort(new SkipRefused('nothing was written')));
  try {
    const question = 'You cannot undo this. Skip the event? Type yes: ';
    const answer = await lines.question(question, { signal: gone.signal }).catch(() => '');
    if (answer.trim().toLowerCase() !== 'yes') throw new SkipRefused('nothing was written');
  } finally {
    lines.close();
  }
}
