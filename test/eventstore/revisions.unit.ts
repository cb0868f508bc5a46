import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ProposedEvent } from '../../embedded/eventstore/codec/recorded-event.ts';
import { CommitGroup } from '../../embedded/eventstore/log/commit-group.ts';
import { EventLog } from '../../embedded/eventstore/log/log.ts';
import { recentEvents } from '../../embedded/eventstore/log/recent-events.ts';
import {
  type AppendOutcome,
  decideAppend,
  type ExpectedRevision,
} from '../../embedded/eventstore/streams/append.ts';
import { decideDelete, decideTombstone } from '../../embedded/eventstore/streams/delete.ts';

const nowMs = 1_700_000_000_000;

function event(data = '{}', id: string = randomUUID()): ProposedEvent {
  return {
    id,
    type: 'Thing',
    contentType: 'application/json',
    data: Buffer.from(data),
    metadata: Buffer.alloc(0),
  };
}

const [e0, e1, e2, other] = [event(), event(), event(), event()] as const;

/** Streams as the table below names them, written in this order into one group. */
const histories = {
  missing: () => {},
  'three events': (group: CommitGroup) => append(group, 'any', [e0, e1, e2]),
  'metadata only': (group: CommitGroup) => setMetadata(group),
  'soft-deleted': (group: CommitGroup) => {
    append(group, 'any', [e0, e1, e2]);
    decideDelete(group, stream, 'any', nowMs);
  },
  tombstoned: (group: CommitGroup) => {
    append(group, 'any', [e0, e1, e2]);
    decideTombstone(group, stream, 'any', nowMs);
  },
} satisfies Record<string, (group: CommitGroup) => void>;

const stream = 'seat-1/A1';

function append(group: CommitGroup, expected: ExpectedRevision, events: ProposedEvent[]) {
  return decideAppend(group, stream, expected, events, nowMs);
}

function setMetadata(group: CommitGroup) {
  decideAppend(group, `$$${stream}`, 'any', [{ ...event('{"a":1}'), type: '$metadata' }], nowMs);
}

/** What one new event gets: its revision, `deleted`, or `wrong` with the current revision. */
const table: [keyof typeof histories, ExpectedRevision, string][] = [
  ['missing', 'any', 'revision 0'],
  ['missing', 'no_stream', 'revision 0'],
  ['missing', 'stream_exists', 'wrong, at -1'],
  ['missing', 0, 'wrong, at -1'],
  ['three events', 'any', 'revision 3'],
  ['three events', 'no_stream', 'wrong, at 2'],
  ['three events', 'stream_exists', 'revision 3'],
  ['three events', 1, 'wrong, at 2'],
  ['three events', 2, 'revision 3'],
  ['three events', 3, 'wrong, at 2'],
  ['metadata only', 'any', 'revision 0'],
  ['metadata only', 'no_stream', 'revision 0'],
  ['metadata only', 'stream_exists', 'revision 0'],
  ['metadata only', 0, 'wrong, at -1'],
  ['soft-deleted', 'any', 'revision 3'],
  ['soft-deleted', 'no_stream', 'revision 3'],
  ['soft-deleted', 'stream_exists', 'deleted'],
  ['soft-deleted', 1, 'wrong, at 2'],
  ['soft-deleted', 2, 'revision 3'],
  ['tombstoned', 'any', 'deleted'],
  ['tombstoned', 'no_stream', 'deleted'],
  ['tombstoned', 'stream_exists', 'deleted'],
  ['tombstoned', 2, 'deleted'],
];

/** The same events again: which expectation makes them a retry. */
const retries: [ExpectedRevision, ProposedEvent[], string][] = [
  ['no_stream', [e0, e1, e2], 'revision 2'],
  ['no_stream', [e0, e1], 'revision 1'],
  ['no_stream', [e0], 'revision 0'],
  [0, [e1, e2], 'revision 2'],
  [1, [e2], 'revision 2'],
  ['any', [e0, e1, e2], 'revision 2'],
  ['any', [e1], 'revision 1'],
  ['stream_exists', [e2], 'revision 2'],
  // Without a revision they are known in any order; the last of them is the answer.
  ['any', [e0, e2], 'revision 2'],
  ['any', [e2, e0], 'revision 0'],
  ['stream_exists', [e1, e2, e0], 'revision 0'],
  // Partly the same, in another order, or at another place: no retry.
  ['no_stream', [e0, other], 'wrong, at 2'],
  ['no_stream', [e1, e0], 'wrong, at 2'],
  [0, [e2], 'wrong, at 2'],
  [1, [e2, other], 'wrong, at 2'],
  ['any', [e0, other], 'wrong, at 2'],
  ['any', [e0, e2, other], 'wrong, at 2'],
  // Nothing can be recognised by no events.
  ['any', [], 'revision 2'],
  [2, [], 'revision 2'],
  [1, [], 'wrong, at 2'],
  ['no_stream', [], 'wrong, at 2'],
];

function told(outcome: AppendOutcome): string {
  if (outcome.kind === 'appended') return `revision ${outcome.lastRevision}`;
  if (outcome.kind === 'stream-deleted') return 'deleted';
  return `wrong, at ${outcome.current}`;
}

describe('event store: expected revisions', () => {
  let directory = '';
  let log: EventLog;
  let recent = recentEvents();

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'eventstore-revisions-'));
    log = new EventLog(directory);
    recent = recentEvents();
  });

  afterEach(async () => {
    await log.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** A group with the history in it, or after it: then it is read from disk. */
  async function given(history: keyof typeof histories, isCommitted: boolean) {
    const group = new CommitGroup(log, recent);
    histories[history](group);
    if (!isCommitted) return group;
    await group.commit();
    group.publish();
    return new CommitGroup(log, recent);
  }

  for (const isCommitted of [false, true]) {
    const where = isCommitted ? 'committed before' : 'in the same commit';
    for (const [history, expected, then] of table) {
      it(`${history}, ${where}: a new event after ${expected} → ${then}`, async () => {
        const group = await given(history, isCommitted);
        expect(told(append(group, expected, [event()]))).to.equal(then);
      });
    }
    for (const [expected, events, then] of retries) {
      const which = events.map((one) => [e0, e1, e2].indexOf(one)).join(',');
      it(`three events, ${where}: [${which}] again after ${expected} → ${then}`, async () => {
        const group = await given('three events', isCommitted);
        const written = group.events.length;
        expect(told(append(group, expected, events))).to.equal(then);
        expect(group.events, 'nothing is written by a retry or a refusal').to.have.length(written);
      });
    }
  }

  it('a retry is answered with the position of the first time', async () => {
    const group = new CommitGroup(log, recent);
    const first = append(group, 'no_stream', [e0, e1]);
    expect(append(group, 'no_stream', [e0, e1])).to.deep.equal(first);
    await group.commit();
    group.publish();
    const later = new CommitGroup(log, recentEvents());
    expect(append(later, 'no_stream', [e0, e1])).to.deep.equal(first);
  });

  it('the same id in another stream is another event', () => {
    const group = new CommitGroup(log, recent);
    append(group, 'any', [e0]);
    const elsewhere = decideAppend(group, 'seat-1/A2', 'any', [e0], nowMs);
    expect(told(elsewhere)).to.equal('revision 0');
    expect(group.events).to.have.length(2);
  });

  it('a group that is not committed leaves no trace', () => {
    append(new CommitGroup(log, recent), 'no_stream', [e0]);
    expect(log.headOf(stream).last).to.equal(-1);
    expect(told(append(new CommitGroup(log, recent), 'no_stream', [e1]))).to.equal('revision 0');
  });

  it('a delete needs something to delete, a tombstone does not', () => {
    const group = new CommitGroup(log, recent);
    const wrong = { kind: 'wrong-expected-version', current: -1 };
    expect(decideDelete(group, stream, 'any', nowMs)).to.deep.equal(wrong);
    expect(decideDelete(group, stream, 'no_stream', nowMs)).to.deep.equal(wrong);
    expect(decideTombstone(group, stream, 'no_stream', nowMs)).to.include({ kind: 'deleted' });
    expect(decideTombstone(group, stream, 'any', nowMs)).to.include({ kind: 'stream-deleted' });
  });

  it('writing to a soft-deleted stream brings it back without what it had', async () => {
    const group = await given('soft-deleted', true);
    append(group, 'no_stream', [event()]);
    await group.commit();
    group.publish();
    expect(log.metadataOf(stream)).to.deep.equal({ truncateBefore: 3 });
  });

  it('no_stream holds for a soft-deleted stream, but not for what begins as a retry', async () => {
    const group = await given('soft-deleted', true);
    expect(told(append(group, 'no_stream', [e0, other]))).to.equal('wrong, at 2');
    expect(told(append(group, 'no_stream', []))).to.equal('wrong, at 2');
    expect(told(append(group, 'no_stream', [other]))).to.equal('revision 3');
  });

  it('setting the metadata of a soft-deleted stream brings it back, too', async () => {
    const group = await given('soft-deleted', true);
    setMetadata(group);
    expect(group.metadataOf(stream)).to.deep.equal({ truncateBefore: 3 });
  });
});
