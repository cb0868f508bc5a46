import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import { expect } from 'chai';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import { EventStoreRefused, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { charged, rejection, stubs } from './support/eventstoredb.ts';
import { eventMessage, fail, failure, status, success } from './support/eventstoredb-stub.ts';

describe('eventstoredb: append', () => {
  const against = stubs();

  it('answers with revision and position', async () => {
    const { store, stub } = await against({
      append: (call, request) => {
        expect(call.metadata.get('requires-leader')).to.deep.equal(['true']);
        call.write(success(request, 1, 77));
      },
    });
    const result = await store.append('account-1', 'no_stream', [charged(), charged()]);
    expect(result).to.deep.equal({ ok: true, revision: 1n, position: 77n });
    const sent = stub.appends[0];
    expect(sent?.getOptions()?.hasNoStream()).to.equal(true);
    expect(sent?.getProposedMessagesList()).to.have.length(2);
    expect(sent?.getIsFinal()).to.equal(true);
  });

  it('sends the same ids and the same expected revision again when the stream is silent', async () => {
    const { store, stub } = await against(
      { append: (call, request, stream) => stream > 1 && call.write(success(request, 8, 9)) },
      { answerMs: 200 },
    );
    const event = charged();
    expect(await store.append('account-1', 7n, [event])).to.include({ ok: true, revision: 8n });
    expect(stub.appends).to.have.length(2);
    for (const sent of stub.appends) {
      expect(sent.getOptions()?.getStreamPosition()).to.equal('7');
      expect(sent.getProposedMessagesList()[0]?.getId()?.getString()).to.equal(event.id);
    }
  });

  it('gives a server that stays silent up after its timeout', async () => {
    const { store } = await against({}, { answerMs: 150 });
    const startedMs = performance.now();
    const error = await rejection(
      store.append('account-1', 'no_stream', [charged()], { timeoutMs: 500 }),
    );
    expect(error).to.be.instanceOf(EventStoreUnavailable).and.to.include({ wroteNothing: false });
    expect(performance.now() - startedMs).to.be.within(450, 3_500);
  });

  it('says that nothing was written when nothing was sent', async () => {
    for (const host of ['127.0.0.1:9', 'no-such-host.invalid:2113']) {
      const store = connectEventStore(`esdb://${host}?tls=false`);
      // A name may take a while to be looked up.
      const append = store.append('account-1', 0n, [charged()], { timeoutMs: 1_500 });
      expect(await rejection(append), host).to.include({ wroteNothing: true });
      await store.close();
    }
    const { store } = await against({}, { appendsInFlightMax: 1 });
    const first = rejection(store.append('account-1', 0n, [charged()], { timeoutMs: 300 }));
    const second = store.append('account-2', 0n, [charged()], { timeoutMs: 300 });
    expect(await rejection(second)).to.include({ wroteNothing: true });
    expect(await first).to.include({ wroteNothing: false });
  });

  it('says that it is not known when the stream broke after it was sent', async () => {
    const { store } = await against({ append: (call) => fail(call, status(14)) });
    const append = store.append('account-1', 0n, [charged()], { timeoutMs: 300 });
    expect(await rejection(append)).to.include({ wroteNothing: false });
  });

  it('gives an address where nobody answers the connection up after its timeout', async () => {
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const store = connectEventStore(`esdb://127.0.0.1:${port}?tls=false`, { answerMs: 200 });
    try {
      const startedMs = performance.now();
      const append = store.append('account-1', 0n, [charged()], { timeoutMs: 500 });
      expect(await rejection(append)).to.be.instanceOf(EventStoreUnavailable);
      expect(await store.reachable(300)).to.equal(false);
      expect(performance.now() - startedMs).to.be.below(3_000);
    } finally {
      await store.close();
      for (const socket of sockets) socket.destroy();
      mute.close();
    }
  });

  for (const [name, code] of [
    ['Timeout', 4],
    ['Unknown', 2],
  ] as const) {
    it(`sends again after the answer ${name}, which leaves the outcome open`, async () => {
      const { store, stub } = await against({
        append: (call, request) =>
          call.write(
            stub.appends.length === 1 ? failure(request, name, code) : success(request, 0, 1),
          ),
      });
      expect(await store.append('account-1', 'no_stream', [charged()])).to.include({ ok: true });
      expect(stub.appends).to.have.length(2);
    });
  }

  for (const [name, error] of [
    ['UNAVAILABLE', status(14)],
    ['CANCELLED', status(1)],
    ['UNKNOWN', status(2)],
    ['INTERNAL', status(13)],
    ['DEADLINE_EXCEEDED', status(4)],
  ] as const) {
    it(`sends again over a new stream after ${name}`, async () => {
      const { store, stub } = await against({
        append: (call, request, stream) =>
          stream === 1 ? fail(call, error) : call.write(success(request, 0, 1)),
      });
      const many = Array.from({ length: 50 }, (_, user) =>
        store.append(`account-${user}`, 'no_stream', [charged()]),
      );
      for (const result of await Promise.all(many)) expect(result.ok).to.equal(true);
      expect(stub.appends.length).to.be.at.least(50);
    });
  }

  it('sends again when the server ends the stream without an error', async () => {
    const { store } = await against({
      append: (call, request, stream) =>
        stream === 1 ? call.end() : call.write(success(request, 0, 1)),
    });
    expect(await store.append('account-1', 'no_stream', [charged()])).to.include({ ok: true });
  });

  it('follows a server that is not the leader to the one that is', async () => {
    const leader = await against({
      append: (call, request) => call.write(success(request, 3, 4)),
    });
    const follower = await against({
      append: (call) =>
        fail(
          call,
          status(5, {
            exception: 'not-leader',
            'leader-endpoint-host': '127.0.0.1',
            'leader-endpoint-port': String(leader.stub.port),
          }),
        ),
    });
    const result = await follower.store.append('account-1', 2n, [charged()]);
    expect(result).to.include({ ok: true, revision: 3n });
    expect(leader.stub.appends).to.have.length(1);
  });

  it('outlives a server that does not say who the leader is', async () => {
    const { store } = await against({
      append: (call) => fail(call, status(5, { exception: 'not-leader' })),
    });
    const append = store.append('account-1', 2n, [charged()], { timeoutMs: 300 });
    expect(await rejection(append)).to.be.instanceOf(EventStoreUnavailable);
  });

  it('tells the actual revision, which may be that there is no stream', async () => {
    const wrong = new sharedPb.WrongExpectedVersion();
    const { store } = await against({
      append: (call, request) =>
        call.write(failure(request, 'WrongExpectedVersion', 6, wrong.serializeBinary())),
    });
    wrong.setCurrentStreamRevision('0');
    expect(await store.append('account-1', 9n, [charged()])).to.deep.equal({
      ok: false,
      actual: 0n,
    });
    wrong.setCurrentNoStream(new emptyPb.Empty());
    expect(await store.append('account-1', 9n, [charged()])).to.deep.equal({
      ok: false,
      actual: 'no_stream',
    });
  });

  for (const [name, code] of [
    ['StreamDeleted', 5],
    ['AccessDenied', 7],
    ['MaximumAppendSizeExceeded', 3],
  ] as const) {
    it(`refuses at once after ${name}`, async () => {
      const { store, stub } = await against({
        append: (call, request) => call.write(failure(request, name, code)),
      });
      const error = await rejection(store.append('account-1', 0n, [charged()]));
      expect(error).to.be.instanceOf(EventStoreRefused);
      expect(stub.appends).to.have.length(1);
    });
  }

  it('reads the position back from a store that acknowledges without one', async () => {
    const { store, stub } = await against({
      append: (call, request) => call.write(success(request, 4)),
      read: (call) => {
        call.write(eventMessage({ stream: 'account-1', revision: 4, position: 55 }));
        call.end();
      },
    });
    expect(await store.append('account-1', 3n, [charged()])).to.deep.equal({
      ok: true,
      revision: 4n,
      position: 55n,
    });
    expect(stub.reads[0]?.getOptions()?.getStream()?.getRevision()).to.equal('4');
  });

  it('ignores answers that come after their time and answers to nobody', async () => {
    const { store, stub } = await against(
      {
        append: (call, request) => {
          const late = stub.appends.length === 1;
          setTimeout(() => call.write(success(request, 0, 1)), late ? 150 : 0);
          call.write(success(request.clone().setCorrelationId(new sharedPb.UUID()), 9, 9));
        },
      },
      { answerMs: 1_000 },
    );
    const gaveUp = store.append('account-1', 'no_stream', [charged()], { timeoutMs: 50 });
    expect(await rejection(gaveUp)).to.be.instanceOf(EventStoreUnavailable);
    for (let n = 0; n < 20; n += 1) {
      const result = await store.append(`account-${randomUUID()}`, 'no_stream', [charged()]);
      expect(result).to.include({ ok: true, revision: 0n });
    }
  });

  it('breaks nothing of another connection when one stream breaks', async () => {
    const held: (() => void)[] = [];
    const good = await against({
      append: (call, request) => held.push(() => call.write(success(request, 0, 1))),
    });
    const bad = await against({ append: (call) => fail(call, status(14)) });
    const pending = good.store.append('account-1', 'no_stream', [charged()]);
    const lost = bad.store.append('account-2', 'no_stream', [charged()], { timeoutMs: 300 });
    expect(await rejection(lost)).to.be.instanceOf(EventStoreUnavailable);
    for (const answer of held) answer();
    expect(await pending).to.include({ ok: true });
    expect(good.stub.appends).to.have.length(1);
  });

  it('settles 200 appends of 16 KB whose stream breaks under them', async () => {
    const { store } = await against({
      append: (call, request, stream) =>
        stream === 1 ? fail(call, status(14)) : call.write(success(request, 0, 1)),
    });
    const padding = 'x'.repeat(16 * 1024);
    const many = Array.from({ length: 200 }, (_, user) =>
      store.append(`account-${user}`, 'no_stream', [charged(padding)]),
    );
    for (const result of await Promise.all(many)) expect(result.ok).to.equal(true);
  });

  for (const control of ['other-stream', 'large-appends']) {
    it(`(control) is needed: the bare client ends the process (${control})`, async () => {
      const script = fileURLToPath(
        new URL('./support/eventstoredb-bare-client.ts', import.meta.url),
      );
      const child = spawn(process.execPath, ['--import', 'tsx', script, control]);
      let output = '';
      child.stdout.on('data', (text) => {
        output += text;
      });
      const [code] = await once(child, 'exit');
      expect(output).to.equal('');
      expect(code).to.equal(1);
    });
  }
});
