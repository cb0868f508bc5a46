import type { EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import { collect, type Recorded, recorded } from '../../conformance/support/client.ts';
import { grouped } from '../../support/grouped.ts';
import type { Attempt } from './ledger.ts';

/**
 * Where an unclear attempt turned out to be: the revisions and position that its retry must answer.
 */
export interface Found {
  readonly attempt: Attempt;
  readonly revision: bigint;
  readonly position: bigint;
}

/**
 * Reads the streams that attempts went to and checks what the log owes: acknowledged appends
 * exactly once, whole, at the revision and position that were answered; unclear ones whole or not
 * at all; nothing else; revisions from 0 without gaps; positions that grow with the revisions.
 * @returns the unclear attempts that are there.
 */
export async function verifyStreams(
  client: EventStoreDBClient,
  attempts: readonly Attempt[],
): Promise<Found[]> {
  const found: Found[] = [];
  for (const [stream, ofStream] of grouped(attempts, ({ stream }) => stream)) {
    const read = await readOrEmpty(client, stream);
    checkOrder(stream, read);
    found.push(...matchAttempts(stream, read, ofStream));
  }
  return found;
}

async function readOrEmpty(client: EventStoreDBClient, stream: string): Promise<Recorded[]> {
  try {
    return recorded(await collect(client.readStream(stream)));
  } catch (error) {
    if ((error as { type?: unknown }).type === 'stream-not-found') return [];
    throw error;
  }
}

function checkOrder(stream: string, read: readonly Recorded[]): void {
  let previous = -1n;
  for (const [index, { revision, position }] of read.entries()) {
    expect(revision, `revision of event ${index} in ${stream}`).to.equal(BigInt(index));
    expect(
      (position?.commit ?? -1n) > previous,
      `${stream} @ ${revision}: position grows`,
    ).to.equal(true);
    previous = position?.commit ?? -1n;
  }
}

function matchAttempts(
  stream: string,
  read: readonly Recorded[],
  attempts: readonly Attempt[],
): Found[] {
  const places = new Map<string, number>();
  for (const [index, { id }] of read.entries()) {
    expect(places.has(id), `${id} twice in ${stream}`).to.equal(false);
    places.set(id, index);
  }
  const found: Found[] = [];
  let accounted = 0;
  for (const attempt of attempts) {
    const first = places.get(attempt.events[0]?.id ?? '');
    const ids = attempt.events.map(({ id }) => id);
    if (first === undefined) {
      expect(attempt.answer, `an acknowledged append is lost from ${stream}`).to.equal(undefined);
      expect(
        ids.filter((id) => places.has(id)),
        `a torn append in ${stream}`,
      ).to.deep.equal([]);
      continue;
    }
    const there = read.slice(first, first + ids.length);
    expect(
      there.map(({ id }) => id),
      `a torn append in ${stream}`,
    ).to.deep.equal(ids);
    accounted += ids.length;
    const last = there.at(-1) as Recorded;
    checkPlace(attempt, first);
    const answer = { revision: last.revision, position: last.position?.commit ?? -1n };
    if (attempt.answer === undefined) found.push({ attempt, ...answer });
    else expect(answer, `the answer of an append to ${stream}`).to.deep.equal(attempt.answer);
  }
  expect(read.length, `${stream} holds only what was written`).to.equal(accounted);
  return found;
}

function checkPlace({ stream, expected }: Attempt, first: number): void {
  if (expected === 'any') return;
  const after = expected === 'no_stream' ? 0 : Number(expected) + 1;
  expect(first, `an append to ${stream} expecting ${expected}`).to.equal(after);
}

/** What `$all` holds after a position. */
export interface LogTail {
  readonly newest: bigint;
  /** The ids of its events, in their order, without what a server writes for itself. */
  readonly ids: readonly string[];
}

/**
 * Reads `$all` from the event at `after` (which must still be there) or from its start, and checks
 * that positions grow: what is written after a crash comes after everything from before.
 */
export async function verifyLog(
  client: EventStoreDBClient,
  after: bigint | null,
): Promise<LogTail> {
  const fromPosition = after === null ? 'start' : { commit: after, prepare: after };
  const read = recorded(await collect(client.readAll({ fromPosition })));
  if (after !== null)
    expect(read.shift()?.position?.commit, 'the newest of before').to.equal(after);
  let newest = after ?? -1n;
  for (const { position } of read) {
    const at = position?.commit ?? -1n;
    expect(at > newest, `position ${at} after ${newest}`).to.equal(true);
    newest = at;
  }
  const written = read.filter(({ streamId }) => !streamId.startsWith('$'));
  return { newest, ids: written.map(({ id }) => id) };
}

/**
 * `$all` holds every event of these attempts, which are all acknowledged, exactly once and nothing
 * else.
 */
export function checkWholeLog(ids: readonly string[], attempts: readonly Attempt[]): void {
  const written = attempts.flatMap((attempt) => attempt.events.map(({ id }) => id));
  expect(new Set(ids).size, 'no event twice in $all').to.equal(ids.length);
  expect(ids.length, 'all events are in $all').to.equal(written.length);
  const there = new Set(ids);
  expect(written.filter((id) => !there.has(id))).to.deep.equal([]);
}
