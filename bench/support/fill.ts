import { randomUUID } from 'node:crypto';
import { EventLog } from '../../embedded/eventstore/log/log.ts';
import { type WriteResult, Writer } from '../../embedded/eventstore/log/writer.ts';
import { type AppendOutcome, decideAppend } from '../../embedded/eventstore/streams/append.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { type HistoryShape, history } from '../../test/projections/support/history.ts';
import type { Written } from '../../test/support/events.ts';

/** Appends sent over the network and not yet answered. */
const inFlightMax = 512;
/** Events that one commit of `generateLog` may have. */
const commitEventsMax = 2_000;
/** Longest time of a commit, in milliseconds. */
const commitMsMax = 60_000;
/** Roughly what an event occupies, in bytes. The writer limits a commit by it. */
const eventBytes = 500;

/**
 * Appends `count` events of a history: most are reservations, sales and payments. The order of the
 * history is kept, because the processes of a service rely on it. No service may run on the log at
 * the same time.
 * @returns the last position
 */
export async function fill(url: string, shape: HistoryShape, count: number): Promise<bigint> {
  let head = 0n;
  const store = connectEventStore(url);
  const append = async ({ stream, event }: Written, last: number) => {
    const written = [{ id: randomUUID(), event, metadata: { schemaVersion: 1 } }];
    const result = await store.append(stream, last < 0 ? 'no_stream' : BigInt(last), written);
    if (!result.ok) throw new Error(`${stream} is at ${result.actual}`);
    if (result.position > head) head = result.position;
  };
  try {
    await appendHistory(shape, count, inFlightMax, append);
  } finally {
    await store.close();
  }
  return head;
}

/**
 * The same, in the directory of an embedded event store, without a server. No server may run on the
 * directory. This is about ten times as fast.
 */
export async function generateLog(
  directory: string,
  shape: HistoryShape,
  count: number,
): Promise<void> {
  const log = new EventLog(directory);
  const writer = new Writer(log, () => {});
  const append = async ({ stream, event }: Written, last: number) => {
    const proposed = {
      id: randomUUID(),
      type: event.type,
      contentType: 'application/json',
      data: Buffer.from(JSON.stringify(event.data)),
      metadata: Buffer.from('{"schemaVersion":1}'),
    };
    const expected = last < 0 ? 'no_stream' : last;
    const result = await new Promise<WriteResult<AppendOutcome>>((done) =>
      writer.submit<AppendOutcome>({
        deadlineMs: Date.now() + commitMsMax,
        bytes: eventBytes,
        decide: (group, nowMs) => decideAppend(group, stream, expected, [proposed], nowMs),
        done,
      }),
    );
    const isWritten = result.kind === 'decided' && result.outcome.kind === 'appended';
    if (!isWritten) throw new Error(`${event.type} on ${stream}: ${JSON.stringify(result)}`);
  };
  try {
    await appendHistory(shape, count, commitEventsMax, append);
  } finally {
    await writer.close();
    await log.close();
  }
}

/**
 * Appends the first `count` events of a history, in its order, at most `atOnce` at the same time.
 * @param append gets an event and the last revision of its stream, −1 for a new stream
 */
async function appendHistory(
  shape: HistoryShape,
  count: number,
  atOnce: number,
  append: (written: Written, last: number) => Promise<void>,
): Promise<void> {
  const revisions = new Map<string, number>();
  const events = history(shape);
  for (let done = 0; done < count; done += atOnce) {
    const sent = [];
    for (let n = done; n < Math.min(count, done + atOnce); n += 1) {
      const { value } = events.next();
      const last = revisions.get(value.stream) ?? -1;
      revisions.set(value.stream, last + 1);
      sent.push(append(value, last));
    }
    await Promise.all(sent);
  }
  console.log(`${count} events on ${revisions.size} streams`);
}
