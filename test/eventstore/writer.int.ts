import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EventLog } from '../../embedded/eventstore/log/log.ts';
import { type WriteResult, Writer } from '../../embedded/eventstore/log/writer.ts';
import {
  type AppendOutcome,
  decideAppend,
  type ExpectedRevision,
} from '../../embedded/eventstore/streams/append.ts';
import { eventually } from '../support/eventually.ts';

describe('event store: the writer', () => {
  let directory = '';
  let log: EventLog;
  let writer: Writer;
  let commits: string[][] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'eventstore-writer-'));
    commits = [];
    await open();
  });

  afterEach(async () => {
    await close();
    await rm(directory, { recursive: true, force: true });
  });

  async function open() {
    log = new EventLog(directory);
    writer = new Writer(log, (events) => commits.push(events.map(({ stream }) => stream)));
  }

  async function close() {
    await writer.close();
    await log.close();
  }

  const event = (id: string = randomUUID(), bytes = 2) => ({
    id,
    type: 'Thing',
    contentType: 'application/octet-stream',
    data: Buffer.alloc(bytes),
    metadata: Buffer.alloc(0),
  });

  /** An event that cannot be encoded. */
  const broken = () => ({
    ...event(),
    get data(): Buffer<ArrayBuffer> {
      throw new Error('broken');
    },
  });

  function append(
    stream: string,
    expected: ExpectedRevision,
    events = [event()],
    deadlineMs = Number.POSITIVE_INFINITY,
  ): Promise<WriteResult<AppendOutcome>> {
    return new Promise((done) =>
      writer.submit<AppendOutcome>({
        deadlineMs,
        bytes: 100,
        decide: (group, nowMs) => decideAppend(group, stream, expected, events, nowMs),
        done,
      }),
    );
  }

  const revision = (result: WriteResult<AppendOutcome>) =>
    result.kind === 'decided' && result.outcome.kind === 'appended'
      ? result.outcome.lastRevision
      : result;

  it('what comes together is committed together, in order, and told once', async () => {
    const results = await Promise.all([
      append('a', 'no_stream'),
      append('b', 'no_stream'),
      append('a', 0),
    ]);
    expect(results.map(revision)).to.deep.equal([0, 0, 1]);
    expect(commits).to.deep.equal([['a', 'b', 'a']]);
  });

  it('two identical appends at the same moment: one write, the same answer twice', async () => {
    const events = [event(), event()];
    const [first, second] = await Promise.all([
      append('a', 'no_stream', events),
      append('a', 'no_stream', events),
    ]);
    expect(second).to.deep.equal(first);
    expect(revision(first)).to.equal(1);
    expect(commits.flat()).to.have.length(2);
  });

  it('an identical append while the first is being flushed gets its answer, too', async () => {
    const events = [event()];
    const first = append('a', 'no_stream', events);
    // The first group is on its way once the loop has turned; the second comes behind it.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(await append('a', 'no_stream', events)).to.deep.equal(await first);
    expect(commits.flat()).to.deep.equal(['a']);
  });

  it('an append is made known when its commit is over, not before', async () => {
    const answer = append('a', 'no_stream');
    while (commits.length === 0) {
      expect(log.head).to.equal(-1);
      await new Promise(setImmediate);
    }
    expect(revision(await answer)).to.equal(0);
    expect(log.head).to.equal(log.eventAt(log.headOf('a'), 0)?.position);
  });

  it('a write that comes after its deadline is not written', async () => {
    expect(await append('a', 'any', [event()], Date.now() - 1)).to.deep.equal({ kind: 'timeout' });
    expect(log.headOf('a').last).to.equal(-1);
  });

  it('a decision that throws fails its own write only', async () => {
    const [good, failed] = await Promise.all([append('a', 'any'), append('b', 'any', [broken()])]);
    expect(failed).to.include({ kind: 'failed' });
    expect(revision(good)).to.equal(0);
    expect(log.headOf('b').last).to.equal(-1);
  });

  it('a decision that throws half way takes its commit with it: nothing is written by halves', async () => {
    const results = await Promise.all([
      append('a', 'any'),
      append('b', 'any', [event(), broken()]),
      append('c', 'any'),
    ]);
    for (const result of results) expect(result).to.include({ kind: 'failed' });
    expect(log.head).to.equal(-1);
    expect(revision(await append('a', 'no_stream'))).to.equal(0);
  });

  it('what was written is there again after a restart, and positions go on', async () => {
    const long = 'ä'.repeat(3_000);
    await append(long, 'no_stream', [event(), event()]);
    const before = log.head;
    await close();
    await open();
    expect(log.head).to.equal(before);
    expect(log.headOf(long).last).to.equal(1);
    await append('next', 'no_stream');
    expect(log.head).to.be.greaterThan(before);
    expect(log.pageOfAll(0, false)).to.have.length(3);
    expect(log.headOf('next').number).to.not.equal(log.headOf(long).number);
  });

  it('a database that cannot take a commit refuses the write and lives on', async () => {
    await append('a', 'no_stream');
    const { root } = log.storage;
    const batch = root.batch.bind(root);
    root.batch = () => Promise.reject(new Error('no space left on device'));
    const refused = await append('a', 0);
    expect(refused).to.have.property('kind', 'failed');
    expect(refused).to.have.property('reason').that.contains('no space left on device');
    expect(log.headOf('a').last).to.equal(0);
    root.batch = batch;
    expect(revision(await append('a', 0))).to.equal(1);
  });

  it('asks its callers to hold back when too much waits, and calls them when there is room', async () => {
    let called = false;
    const answers: Promise<unknown>[] = [];
    for (let i = 0; !writer.isFull; i++) {
      if (i > 100_000) throw new Error('it never was full');
      answers.push(append('a', 'any', []));
    }
    writer.whenRoom(() => {
      called = true;
    });
    await eventually('room', () => called);
    expect(writer.isFull).to.equal(false);
    await Promise.all(answers);
  });
});
