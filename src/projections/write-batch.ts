import type { ClientBase } from 'pg';
import type { Step } from './backlog.ts';
import { type Checkpoint, moveCheckpoint } from './checkpoint.ts';
import { fold } from './fold.ts';
import { forgetParked, type NewlyParked, park } from './parked.ts';
import type { Projection, RowChange } from './projection.ts';
import { throwRefused } from './refused-rows.ts';
import { statementsOf } from './statements.ts';

/**
 * Writes a batch, parks events of it and moves the checkpoint in one transaction. When it throws, the caller must close
 * the connection: the transaction may be open, or its outcome unknown, and the checkpoint tells which.
 * @param from the checkpoint's position as last read
 * @param batch at least one step, all after `from`
 * @param parks what is parked with it; undefined when nothing is
 * @param firstEvent the log's, by which the tables are known to be of it
 * @throws FenceLost when the checkpoint is elsewhere, ParkingChanged: nothing was written. RowsRefused: nothing was
 * written, and the connection can be used after a ROLLBACK
 */
export async function writeBatch(
  client: ClientBase,
  projections: readonly Projection[],
  from: bigint | null,
  batch: readonly Step[],
  parks?: NewlyParked,
  firstEvent?: string,
): Promise<Checkpoint> {
  const position = batch.at(-1)?.position;
  const [first] = batch;
  if (position === undefined || first === undefined) throw new Error('an empty batch');
  if (from !== null && first.position <= from) throw new Error('a batch that is written in part');
  const eventPosition = batch.findLast(({ isEvent }) => isEvent)?.position;
  const to = { position, eventPosition, parks: parks !== undefined, firstEvent };
  // All is sent before the first answer comes, COMMIT too: on a busy event loop each round trip costs a turn of it, and
  // the lag is their sum. In PostgreSQL the fence comes first; where it is lost, COMMIT finds a failed transaction.
  const begun = client.query('BEGIN');
  const moved = moveCheckpoint(client, projections, from, to);
  // The tables were emptied: nothing is parked before the log's start.
  const forgotten = from === null ? forgetParked(client) : undefined;
  const written = writeRows(client, batch);
  const committed = parks === undefined ? client.query('COMMIT') : undefined;
  // What fails after a lost fence says less than that.
  for (const later of [forgotten, written, committed]) later?.catch(() => {});
  await Promise.all([begun, moved]);
  await Promise.all([forgotten, written]);
  if (parks !== undefined) await park(client, projections, parks);
  const { command } = await (committed ?? client.query('COMMIT'));
  if (command !== 'COMMIT') throw new Error(`the batch was not committed (${command})`);
  return { position, eventPosition: eventPosition ?? null };
}

/** Writes what a batch comes to into the tables that the connection's search path leads to. @throws RowsRefused */
export async function writeRows(client: ClientBase, batch: readonly Step[]): Promise<void> {
  const sent: Promise<unknown>[] = [];
  for (const [table, changes] of fold(changesOf(batch))) {
    for (const { values, ...statement } of statementsOf(table, changes)) {
      sent.push(client.query({ ...statement, values: [...values] }));
    }
  }
  await Promise.all(sent).catch(throwRefused);
}

function* changesOf(batch: readonly Step[]): Generator<RowChange> {
  for (const { changes } of batch) yield* changes;
}
