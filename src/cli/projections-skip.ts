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

/** Characters of an event's data that are shown, and of a reason that are taken. */
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
    .option('--accept-loss', 'skip it although money, a seat or a promise may be lost')
    .option('--dry-run', 'show the event and the consequences; write nothing')
    .option('--yes', 'do not ask for a confirmation')
    .addHelpText(
      'after',
      `
An event that cannot be read holds up its stream: the service refuses commands on the stream and
parks its later events, and verify fails. First look for a version that can read the event; deploy
that version and run reprise projections retry. When there is no such version, this command appends
an event to the stream that says so. From then on every version, instance and rebuild ignores the
unreadable event: commands go on by the other events, the read models get them, and verify counts
the event as skipped. Verify still reports what its absence does to money and seats. Nothing is
removed from the log.

The command shows the event, and the consequences of skipping it. An event about money, a seat or a
promise, or one that a newer version wrote, needs --accept-loss. The command refuses an event that
can be read, that the read models have, that is not in the log, or whose id is another. An event
with a title that verify calls wrong can be read: import the catalog with another title instead. The
command asks before it writes. Skipping an event again changes nothing. When the command is
interrupted, run it again.

Before you use this command, update every instance to a version that has it: older versions cannot
read what it writes. The service may be running or not. The command finds the servers as reprise
rebuild does.

Examples:
  $ reprise projections                                    what is parked, and why?
  $ reprise projections skip 1@concert-gala --dry-run      what would the consequences be?
  $ reprise projections skip 1@concert-gala --accept-loss --reason 'year 0, imported by 0.1.0'

Exit codes: 0 the event is skipped, or the dry run found that it can be; 1 anything else.`,
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
      if (reason === undefined) throw new SkipRefused('--reason <text> is kept with it: give one');
      if (!flags.yes) await confirm();
    }
    await cancellable('cancelled: run it again to finish it', (signal) =>
      skipAndRetry(found, reason ?? '', servers, signal),
    );
  });
}

/** Appends that the event is skipped, when it is not yet, and writes what was parked behind it. */
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
  console.log(isNew ? `skipped: ${name}` : `it was skipped before: ${name}`);
  const onProgress = () => {};
  const retried = await retryParked({ ...servers, projections, signal, onProgress });
  if (retried.written > 0) {
    console.log(`written: ${counted(retried.written, 'event')} that had been parked`);
  }
  const stuck = retried.remaining.filter((one) => one.stream === parkedName(stream));
  for (const line of parkedLines(stuck)) console.log(line);
}

/** @throws SkipRefused when the event may not be skipped, or not without a word more */
async function assertAllowed(
  { event }: Skippable,
  { mayLose }: Consequence,
  { acceptLoss, dryRun }: SkipFlags,
  pool: Pool,
): Promise<void> {
  if (await isInReadModels(pool, event)) {
    throw new SkipRefused(
      'the read models have it, so another version of the service can read it: use that version',
    );
  }
  if (mayLose && !acceptLoss && !dryRun) {
    throw new SkipRefused(
      'something may be lost by it, see above: --accept-loss says that you know',
    );
  }
}

function parseName(name: string): Named {
  const [, revision, stream] = /^(\d{1,16})@(.+)$/s.exec(name) ?? [];
  if (revision !== undefined && stream !== undefined) return { revision: BigInt(revision), stream };
  throw new SkipRefused(
    `${JSON.stringify(name)} names no event: give it as <revision>@<stream>, as reprise projections and reprise verify do`,
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
    ['in the log', `since ${since}, ${counted(later, 'event')} of its stream behind it`],
    ['data', (JSON.stringify(event.data) ?? '-').slice(0, dataCharsMax)],
    ['why', why],
    ...(isSkipped ? [] : [['if skipped', words]]),
  ]);
}

async function confirm(): Promise<void> {
  if (process.stdin.isTTY !== true) {
    throw new SkipRefused(
      'there is no terminal to ask for a confirmation: --yes skips the event without one',
    );
  }
  const { stdin: input, stdout: output } = process;
  const lines = createInterface({ input, output });
  const gone = new AbortController();
  // Ctrl-C and Ctrl-D: the question alone would never be answered.
  lines.once('close', () => gone.abort(new SkipRefused('nothing was written')));
  try {
    const question = 'It cannot be undone. Skip it? Type yes: ';
    const answer = await lines.question(question, { signal: gone.signal }).catch(() => '');
    if (answer.trim().toLowerCase() !== 'yes') throw new SkipRefused('nothing was written');
  } finally {
    lines.close();
  }
}
