import { expect } from 'chai';
import { EventStoreRefused, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { charged, rejection, stubs } from './support/eventstoredb.ts';

describe('eventstoredb: append', () => {
  const against = stubs();

  it('refuses a malformed connection string at once', () => {
    expect(() => connectEventStore('http://127.0.0.1:2113')).to.throw('esdb://');
  });

  it('refuses one append too many and one that is too large', async () => {
    const { store } = await against({}, { appendsInFlightMax: 1, appendBytesMax: 1_000 });
    const first = store.append('account-1', 'no_stream', [charged()], { timeoutMs: 200 });
    const second = store.append('account-1', 'no_stream', [charged()]);
    expect(await rejection(second)).to.be.instanceOf(EventStoreUnavailable);
    await rejection(first);
    const large = store.append('account-1', 'no_stream', [charged('x'.repeat(2_000))]);
    expect(await rejection(large)).to.be.instanceOf(EventStoreRefused);
  });

  it('ends an append whose stream is being opened when it is closed', async () => {
    for (let ticks = 0; ticks < 20; ticks += 1) {
      const { store } = await against({});
      const startedMs = performance.now();
      const pending = rejection(store.append('account-1', 'no_stream', [charged()]));
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      await store.close();
      expect(await pending).to.be.instanceOf(EventStoreUnavailable);
      expect(performance.now() - startedMs).to.be.below(3_000);
    }
  });

  it('ends what is pending when it is closed', async () => {
    const { store, stub } = await against({});
    const pending = store.append('account-1', 'no_stream', [charged()]);
    while (stub.appends.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await store.close();
    expect(await rejection(pending)).to.be.instanceOf(EventStoreUnavailable);
    const later = store.append('account-1', 'no_stream', [charged()]);
    expect(await rejection(later)).to.be.instanceOf(EventStoreUnavailable);
  });
});
