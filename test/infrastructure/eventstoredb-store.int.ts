import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type EventStore, inLists, type LogMessage } from '../../src/commands/core/event-store.ts';
import { startRelay } from '../../src/drill/relay.ts';
import { eventAt, isBefore } from '../../src/events/log-position.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';
import { charged, rejection } from './support/eventstoredb.ts';

describe('eventstoredb with an event store', () => {
  let server: TestEventStore;
  let store: EventStore;
  before(async () => {
    server = await testEventStore();
    store = connectEventStore(server.url);
  });
  after(async () => {
    await store?.close();
    await server?.stop();
  });

  const newStream = () => `account-${randomUUID()}`;
  const all = async (stream: string, from?: bigint) => {
    const events = [];
    for await (const event of store.readStream(stream, from)) events.push(event);
    return events;
  };

  it('appends, and reads back what was appended', async () => {
    const stream = newStream();
    const events = [charged(), charged(), charged()];
    const first = await store.append(stream, 'no_stream', events.slice(0, 2));
    expect(first).to.include({ ok: true, revision: 1n });
    const second = await store.append(stream, 1n, events.slice(2));
    const read = await all(stream);
    expect(read.map(({ id }) => id)).to.deep.equal(events.map(({ id }) => id));
    expect(read.map(({ data }) => data)).to.deep.equal(events.map(({ event }) => event.data));
    expect(read[0]).to.deep.include({ stream, revision: 0n, type: 'BalanceCharged' });
    expect(read[0]?.metadata).to.deep.equal(events[0]?.metadata);
    expect(Math.abs(Date.now() - (read[0]?.createdMs ?? 0))).to.be.below(60_000);
    expect([first, second].map((result) => result.ok && result.position)).to.deep.equal([
      read[1]?.position,
      read[2]?.position,
    ]);
    expect(await all(stream, 2n)).to.have.length(1);
    expect(await all(newStream())).to.deep.equal([]);
    expect(await store.head()).to.equal(read[2]?.position);
    expect(await store.reachable(1_000)).to.equal(true);
  });

  it('gives a subscriber that is behind many messages in one list', async () => {
    const stream = newStream();
    const count = 700;
    await store.append(
      stream,
      'no_stream',
      Array.from({ length: count }, () => charged()),
    );
    const end = new AbortController();
    const read = store.subscribe({ after: null, prefixes: [stream], signal: end.signal });
    let events = 0;
    let lists = 0;
    for await (const list of inLists(read)) {
      const ofList = list.filter(({ kind }) => kind === 'event').length;
      // Where others use the log, most lists have only a checkpoint.
      if (ofList > 0) lists += 1;
      events += ofList;
      if (events === count) end.abort();
    }
    // If each message were a list, it would wake the reader by itself.
    expect(lists).to.be.lessThan(count / 10);
  });

  it('reads a stream backwards, as far as its consumer wants', async () => {
    const stream = newStream();
    const events = Array.from({ length: 700 }, () => charged());
    await store.append(stream, 'no_stream', events);
    const seen: string[] = [];
    for await (const { id } of store.readBackwards(stream)) seen.push(id);
    expect(seen).to.deep.equal(events.map(({ id }) => id).reverse());
    for await (const { revision } of store.readBackwards(stream)) {
      expect(revision).to.equal(699n);
      break;
    }
    for await (const _ of store.readBackwards(newStream())) expect.fail('there is none');
  });

  it('answers a wrong expected revision with the actual one', async () => {
    const stream = newStream();
    await store.append(stream, 'no_stream', [charged(), charged()]);
    for (const expected of ['no_stream', 0n, 5n] as const) {
      const result = await store.append(stream, expected, [charged()]);
      expect(result).to.deep.equal({ ok: false, actual: 1n });
    }
    const missing = await store.append(newStream(), 4n, [charged()]);
    expect(missing).to.deep.equal({ ok: false, actual: 'no_stream' });
  });

  it('answers the same append again as it did first', async () => {
    const stream = newStream();
    const events = [charged(), charged()];
    const first = await store.append(stream, 'no_stream', events);
    await store.append(stream, 1n, [charged()]);
    expect(await store.append(stream, 'no_stream', events)).to.deep.equal(first);
    expect(await all(stream)).to.have.length(3);
  });

  it('lets one of many simultaneous appends with the same expected revision win', async () => {
    const stream = newStream();
    const results = await Promise.all(
      Array.from({ length: 100 }, () => store.append(stream, 'no_stream', [charged()])),
    );
    expect(results.filter(({ ok }) => ok)).to.have.length(1);
    expect(await all(stream)).to.have.length(1);
  });

  it('finds the store by discovery as well', async () => {
    const url = server.url.replace(/^esdb:/, 'esdb+discover:');
    const found = connectEventStore(url);
    try {
      const stream = newStream();
      expect(await found.append(stream, 'no_stream', [charged()])).to.include({ ok: true });
      expect(await all(stream)).to.have.length(1);
      expect(await found.reachable(2_000)).to.equal(true);
    } finally {
      await found.close();
    }
  });

  it('takes a new socket when the old one is dead and nobody says so', async () => {
    const relay = await startRelay(Number(/:(\d+)/.exec(server.url)?.[1]));
    const url = `esdb://127.0.0.1:${relay.port}?tls=false`;
    const through = connectEventStore(url, { answerMs: 300, readTimeoutMs: 1_500 });
    try {
      const stream = newStream();
      await through.append(stream, 'no_stream', [charged()]);
      await through.head();
      relay.freeze();
      // Reads keep their dead socket meanwhile: appends must not come to share it.
      const events = [charged(), charged()];
      const result = await through.append(stream, 0n, events, { timeoutMs: 2_000 });
      expect(result).to.include({ ok: true, revision: 2n });
      expect(await all(stream)).to.have.length(3);
      expect(await through.head()).to.be.a('bigint');
    } finally {
      await through.close();
      await relay.stop();
    }
  });

  it('is reachable again on a new socket though nobody but short questions notices that the old one is dead', async () => {
    const relay = await startRelay(Number(/:(\d+)/.exec(server.url)?.[1]));
    const url = `esdb://127.0.0.1:${relay.port}?tls=false`;
    const through = connectEventStore(url, { answerMs: 600 });
    try {
      await eventually('it is there', () => through.reachable(1_000));
      relay.freeze();
      const since = performance.now();
      await eventually('it is there again', () => through.reachable(300), 10_000, 20);
      expect(performance.now() - since).to.be.below(8_000);
    } finally {
      await through.close();
      await relay.stop();
    }
  });

  it('refuses what is larger than the store takes, and goes on', async () => {
    const stream = newStream();
    const large = charged('x'.repeat(1_100_000));
    expect((await rejection(store.append(stream, 'no_stream', [large]))).message).to.include(
      'larger',
    );
    expect(await store.append(stream, 'no_stream', [charged()])).to.include({ ok: true });
  });

  it('delivers history, caught-up and live events once, in order', async () => {
    const prefix = `wrapper-${randomUUID()}`;
    for (let n = 0; n < 40; n += 1) {
      await store.append(`${prefix}/${n}`, 'no_stream', [charged()]);
      await store.append(newStream(), 'no_stream', [charged()]);
    }
    const messages: LogMessage[] = [];
    const end = new AbortController();
    for await (const message of store.subscribe({
      after: null,
      prefixes: [prefix],
      signal: end.signal,
    })) {
      messages.push(message);
      if (message.kind === 'caught-up') {
        await store.append(`${prefix}/40`, 'no_stream', [charged()]);
      }
      if (message.kind === 'event' && message.event.stream.endsWith('/40')) end.abort();
    }
    const streams = messages.flatMap((m) => (m.kind === 'event' ? [m.event.stream] : []));
    expect(streams).to.deep.equal(Array.from({ length: 41 }, (_, n) => `${prefix}/${n}`));
    expect(messages.at(-2)?.kind).to.equal('caught-up');
    const positions = messages.flatMap((m) =>
      m.kind === 'event'
        ? [eventAt(m.event.position)]
        : m.kind === 'checkpoint'
          ? [m.position]
          : [],
    );
    expect(positions).to.deep.equal([...positions].sort((a, b) => (isBefore(a, b) ? -1 : 1)));
  });
});
