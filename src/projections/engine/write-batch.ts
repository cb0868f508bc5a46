import assert from 'node:assert/strict';
import type { Client, ClientBase } from 'pg';
import { isBefore, type LogPosition } from '../../events/log-position.ts';
import { quick } from '../../infrastructure/postgres.ts';
import type { Step } from '../log-step.ts';
import type { Projection } from '../models/projection.ts';
import { forgetParked, type NewlyParked, park } from '../parking/parked-table.ts';
import { OutOfOrder } from './backlog.ts';
import { type Checkpoint, moveCheckpoint } from './checkpoint.ts';
import { fold } from './fold.ts';
import { throwRefused } from './refused-rows.ts';
import { statementsOf } from './statements.ts';

/**
 * Writes a batch, parks events of it and moves the checkpoint in one transaction. When it throws,
 * the caller must close the connection. The transaction may still be open, or its result may be
 * unknown. Then the checkpoint shows whether it was committed.
 * @param from the checkpoint as last read
 * @param batch at least one step, strictly ascending and after `from`
 * @param parks the events to park with the batch; undefined if there are none
 * @throws OutOfOrder: nothing was sent. FenceLost (the checkpoint has moved) and ParkingChanged:
 * nothing was written. RowsRefused: nothing was written, and the connection can be used after a
 * ROLLBACK
 */
export async function writeBatch(
  client: Client,
  projections: readonly Projection[],
  from: Checkpoint,
  batch: readonly Step[],
  parks?: NewlyParked,
): Promise<Checkpoint> {
  const [first] = batch;
  const last = assertAscending(from.position, batch);
  assert(first !== undefined && last !== null, 'a batch has a step');
  const newest = batch.findLast(({ isEvent }) => isEvent);
  const event = newest?.event && { position: newest.position.commit, id: newest.event.id };
  // All statements are sent before the first answer comes, including COMMIT. On a busy event loop,
  // each round trip would cost a turn of the loop, and all turns add to the lag. PostgreSQL runs
  // the fence first. If the fence is lost, COMMIT finds a failed transaction. They go to the socket
  // together at the end of this turn, because each statement would be a system call of its own.
  const { stream } = client.connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
  const begun = client.query({ text: 'BEGIN', ...quick });
  const move = { first: first.position, last, event };
  const moved = moveCheckpoint(client, projections, from.position, move);
  // The tables were emptied. Nothing is parked before the log's start.
  const forgotten = from.position === null ? forgetParked(client) : undefined;
  const written = writeRows(client, batch);
  const committed = parks === undefined ? client.query('COMMIT') : undefined;
  // If the fence is lost, later statements fail, too. Their errors say less than the fence's.
  for (const later of [forgotten, written, committed]) later?.catch(() => {});
  await Promise.all([begun, moved]);
  await Promise.all([forgotten, written]);
  if (parks !== undefined) await park(client, projections, parks);
  const { command } = await (committed ?? client.query('COMMIT'));
  if (command !== 'COMMIT') throw new Error(`the batch was not committed (${command})`);
  return {
    position: last,
    eventPosition: event?.position ?? from.eventPosition,
    eventId: event?.id ?? from.eventId,
  };
}

/** @returns the last step's position. @throws OutOfOrder */
export function assertAscending(
  from: LogPosition | null,
  batch: readonly Step[],
): LogPosition | null {
  let last = from;
  for (const { position } of batch) {
    if (!isBefore(last, position)) throw new OutOfOrder(last, position);
    last = position;
  }
  return last;
}

/**
 * Writes the folded changes of a batch into the tables of the connection's search path.
 * @throws RowsRefused
 */
export async function writeRows(client: ClientBase, batch: readonly Step[]): Promise<void> {
  const sent: Promise<unknown>[] = [];
  for (const [table, changes] of fold(batch)) {
    for (const { values, ...statement } of statementsOf(table, changes)) {
      sent.push(client.query({ ...statement, values: [...values] }));
    }
  }
  await Promise.all(sent).catch(throwRefused);
}
