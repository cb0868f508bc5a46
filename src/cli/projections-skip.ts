import { createInterface } from 'node:readline/promises';
import { Kysely, PostgresDialect } from 'kysely';
import type { Pool } from 'pg';
import { migrate } from '../../migrations/migrate.ts';
import { type Consequence, consequenceOf } from '../commands/skipping/consequences.ts';
import {
  lookAt,
  type Named,
  type Skippable,
  SkipRefused,
  skipEvent,
} from '../commands/skipping/skip-event.ts';
import type { Config } from '../config.ts';
import { shownText } from '../events/writable.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { connectPostgres } from '../infrastructure/postgres.ts';
import type { Database } from '../projections/models/database.ts';
import { projections } from '../projections/models/registry.ts';
import { isInReadModels } from '../projections/parking/in-read-models.ts';
import { parkedName } from '../projections/parking/parked-table.ts';
import { retryParked } from '../projections/parking/retry.ts';
import { borrowServers } from '../servers/servers.ts';
import { counted, parkedLines } from './projections-show.ts';

/** The service's transactions are waited for, and a batch of our own may be large. */
const statementTimeoutMs = 60_000;

/** Characters of an event's data that are shown, and of a reason that are taken. */
const dataCharsMax = 2_000;
const reasonCharsMax = 500;

/** As the command line has them. */
export interface SkipFlags {
  readonly id?: string;
  readonly reason?: string;
  readonly acceptLoss?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

/**
 * `reprise projections skip`.
 * @param name `<revision>@<stream>`, as everything names an event
 * @throws Error in words for people when it is refused, or could not be done
 */
export async function skipOne(name: string, flags: SkipFlags, config: Config): Promise<void> {
  const named = { ...parseName(name), id: flags.id };
  const reason = reasonIn(flags);
  const servers = await borrowServers(config);
  const { pool } = connectPostgres(servers.postgresUrl, { statementTimeoutMs });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  const eventStore = connectEventStore(servers.eventStoreUrl);
  const aborter = new AbortController();
  const cancel = () => aborter.abort(new Error('cancelled: run it again to finish it'));
  try {
    await migrate(db);
    const found = await lookAt(eventStore, named);
    const consequence = consequenceOf(found.event);
    for (const line of describe(found, consequence)) console.log(line);
    if (!found.isSkipped) await assertAllowed(found, consequence, flags, pool);
    if (flags.dryRun) {
      const needs = consequence.mayLose && !found.isSkipped ? '; it needs --accept-loss' : '';
      return console.log(`nothing was written: --dry-run${needs}`);
    }
    if (!found.isSkipped) {
      if (reason === undefined) throw new SkipRefused('--reason <text> is kept with it: give one');
      if (!flags.yes) await confirm();
    }
    process.on('SIGINT', cancel).on('SIGTERM', cancel);
    const { id } = found.event;
    const skip = { reason: reason ?? '', nowMs: Date.now() };
    const isNew = !found.isSkipped && (await skipEvent(eventStore, { ...named, id }, skip));
    console.log(isNew ? `skipped: ${name}` : `it was skipped before: ${name}`);
    const { signal } = aborter;
    const onProgress = () => {};
    const retried = await retryParked({ eventStore, pool, projections, signal, onProgress });
    if (retried.written > 0) {
      console.log(`written: ${counted(retried.written, 'event')} that had been parked`);
    }
    const stream = parkedName(found.event.stream);
    const stuck = retried.remaining.filter((one) => one.stream === stream);
    for (const line of parkedLines(stuck)) console.log(line);
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
    await eventStore.close();
    await db.destroy();
    await servers.stop();
  }
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

function* describe(found: Skippable, { words }: Consequence): Generator<string> {
  const { event, why, later, isSkipped } = found;
  const { id, type, stream, revision, createdMs } = event;
  yield `event       ${revision}@${stream} (${type}), id ${id}`;
  yield `in the log  since ${new Date(createdMs).toISOString()}, ${counted(later, 'event')} of its stream behind it`;
  yield `data        ${(JSON.stringify(event.data) ?? '-').slice(0, dataCharsMax)}`;
  yield `why         ${why}`;
  if (!isSkipped) yield `if skipped  ${words}`;
}

async function confirm(): Promise<void> {
  if (process.stdin.isTTY !== true) {
    throw new SkipRefused('nobody is there to be asked: --yes skips it without a question');
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
