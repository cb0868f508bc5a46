import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CancelledError,
  DeadlineExceededError,
  type EventData,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  NotLeaderError,
  UnavailableError,
  UnknownError,
} from '@eventstore/db-client';
import { expect } from 'chai';
import { type Fault, parseFault } from '../../embedded/eventstore/faults.ts';
import { type RunningServer, startServer } from '../../embedded/eventstore/server.ts';
import { eventually } from '../support/eventually.ts';

/** Longer than any answer takes, shorter than any time limit of the client. */
const silenceMs = 400;

describe('event store: faults on demand', () => {
  let directory = '';
  let server: RunningServer;
  let client: EventStoreDBClient;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'eventstore-faults-'));
    server = await startServer({ port: 0, dataDirectory: directory, faults: true });
    client = EventStoreDBClient.connectionString(server.url);
    await append('before');
  });

  afterEach(async () => {
    await server.stop();
    await client.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  const event = (): EventData => jsonEvent({ type: 'Thing', data: {} });

  function append(stream: string, what = event()) {
    return client.appendToStream(stream, what, { expectedRevision: NO_STREAM });
  }

  async function failure(promise: Promise<unknown>): Promise<unknown> {
    return promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  async function answered(promise: Promise<unknown>): Promise<boolean> {
    const timeout = new Promise<false>((resolve) => setTimeout(resolve, silenceMs, false));
    return Promise.race([promise.then(() => true), timeout]);
  }

  async function revisions(stream: string): Promise<number> {
    let count = 0;
    for await (const _ of client.readStream(stream)) count++;
    return count;
  }

  function order(fault: Fault): void {
    server.faults?.set(fault);
  }

  it('silent: nothing is answered, nothing is written, until it is cleared', async () => {
    order({ kind: 'silent', times: 2 });
    const lost = failure(append('silent'));
    expect(await answered(lost)).to.equal(false);
    expect(await answered(failure(revisions('before')))).to.equal(false);
    // Two requests were struck: the fault is over by itself.
    expect((await append('silent')).nextExpectedRevision).to.equal(0n);
  });

  it('unavailable: writes and reads say so', async () => {
    order({ kind: 'unavailable', times: 2 });
    expect(await failure(append('a'))).to.be.instanceOf(UnavailableError);
    expect(await failure(revisions('before'))).to.be.instanceOf(UnavailableError);
    expect((await append('a')).success).to.equal(true);
  });

  it('not leader: a write names the leader, a read goes on', async () => {
    order({ kind: 'not-leader', host: '127.0.0.1', port: server.port, times: 1 });
    const error = await failure(append('a'));
    expect(error).to.be.instanceOf(NotLeaderError);
    expect(error).to.have.deep.property('leader', { address: '127.0.0.1', port: server.port });
    order({ kind: 'not-leader', host: '127.0.0.1', port: server.port });
    expect(await revisions('before')).to.equal(1);
  });

  it('slow: answers come late, and right', async () => {
    order({ kind: 'slow', ms: silenceMs * 1.5, times: 1 });
    const late = append('a');
    expect(await answered(late)).to.equal(false);
    expect((await late).nextExpectedRevision).to.equal(0n);
  });

  it('not ready: appends and reads say so, and nothing is written', async () => {
    order({ kind: 'not-ready', times: 2 });
    const error = await failure(append('a'));
    expect(error).to.be.instanceOf(UnknownError);
    expect((error as Error).message).to.include('Could not recognize Server Is Not Ready');
    expect(await failure(revisions('before'))).to.be.instanceOf(UnavailableError);
    expect(await failure(revisions('a'))).to.have.property('type', 'stream-not-found');
  });

  it('no quorum: a Timeout first, committed later, and known again by its id', async () => {
    order({ kind: 'no-quorum', answerMs: 100, commitMs: 600, times: 1 });
    const what = event();
    expect(await failure(append('a', what))).to.be.instanceOf(DeadlineExceededError);
    expect(await failure(revisions('a')), 'not yet').to.have.property('type', 'stream-not-found');
    await eventually('it is committed', async () => (await failure(revisions('a'))) === undefined);
    expect((await append('a', what)).nextExpectedRevision).to.equal(0n);
    expect(await revisions('a')).to.equal(1);
  });

  it('no quorum: a retry before the commit is one append with it', async () => {
    order({ kind: 'no-quorum', answerMs: 50, commitMs: 400, times: 1 });
    const what = event();
    await failure(append('a', what));
    expect((await append('a', what)).nextExpectedRevision).to.equal(0n);
    await delay(500);
    expect(await revisions('a')).to.equal(1);
  });

  it('no quorum: a delete, too, is done later', async () => {
    order({ kind: 'no-quorum', answerMs: 50, commitMs: 300, times: 1 });
    expect(await failure(client.deleteStream('before')))
      .to.have.property('message')
      .that.includes('timed out');
    await eventually(
      'it is deleted',
      async () => (await failure(revisions('before'))) !== undefined,
    );
  });

  it('cut before the write: unanswered and not written', async () => {
    order({ kind: 'cut', when: 'before-write', times: 1 });
    expect(await failure(append('a'))).to.be.instanceOf(Error);
    expect(await failure(revisions('a'))).to.have.property('type', 'stream-not-found');
  });

  it('cut after the write: unanswered, written, and known again by its id', async () => {
    order({ kind: 'cut', when: 'after-write', times: 1 });
    const [what] = [event()];
    expect(await failure(append('a', what))).to.be.instanceOf(Error);
    const retried = await append('a', what);
    expect(retried.nextExpectedRevision).to.equal(0n);
    expect(await revisions('a')).to.equal(1);
  });

  it('cut now: subscriptions end at once', async () => {
    const subscription = client.subscribeToAll();
    const ended = new Promise<unknown>((resolve) => subscription.once('error', resolve));
    await new Promise<unknown>((resolve) => subscription.once('data', resolve));
    order({ kind: 'cut', when: 'now' });
    expect(await ended).to.satisfy(
      (error: unknown) => error instanceof UnavailableError || error instanceof CancelledError,
    );
  });

  it('an order that is none is refused with its words', () => {
    const none = [
      undefined,
      {},
      { kind: 'slow' },
      { kind: 'cut', when: 'x' },
      { kind: 'no-quorum' },
    ];
    for (const spec of [...none, { kind: 'silent', times: 0 }, { kind: 'not-leader', host: 'h' }])
      expect(() => parseFault(spec)).to.throw(/no such fault/);
    expect(parseFault({ kind: 'slow', ms: 5 })).to.deep.equal({ kind: 'slow', ms: 5 });
  });
});
