import { expect } from 'chai';
import { EventStoreUnavailable, type LogMessage } from '../../src/commands/core/event-store.ts';
import { createLogEnd } from '../../src/queries/log-end.ts';
import { ArrayEventStore } from '../projections/support/array-event-store.ts';
import { recorded } from '../projections/support/history.ts';

const events = recorded({ seed: 1, sessions: 1, seatsPerSession: 5, users: 2 }, 20);
const last = events.at(-1)?.position ?? 0n;
const before = events.at(-2)?.position ?? 0n;
const reads = (position: bigint | null) => ({
  status: () =>
    ({
      state: 'live',
      position,
      eventPosition: position,
      lagSeconds: 0,
      parkedEvents: 0,
      lagEvents: 0,
      stalledSeconds: 0,
    }) as const,
});

describe('the end of the log, as far as read models go', () => {
  it('is the last event after what is shown, or what is shown', async () => {
    const store = new ArrayEventStore();
    expect(await createLogEnd(store, reads(null))()).to.equal(null);
    store.append(...events);
    expect(await createLogEnd(store, reads(null))()).to.equal(last);
    expect(await createLogEnd(store, reads(before))()).to.equal(last);
    expect(await createLogEnd(store, reads(last))()).to.equal(last);
  });

  it('is not moved by what only the store looked at: a read side may never be told of that', async () => {
    const store = new ArrayEventStore();
    store.append(...events);
    store.checkpoint(last + 100n);
    expect(await createLogEnd(store, reads(null))()).to.equal(last);
  });

  it('is looked for after the call came: those that come meanwhile share the next look', async () => {
    const store = new ArrayEventStore();
    const [first, ...rest] = events;
    if (first === undefined) throw new Error('there are events');
    store.append(first);
    const logEnd = createLogEnd(store, reads(null));
    const one = logEnd();
    await Promise.resolve();
    const two = [logEnd(), logEnd(), logEnd()];
    store.append(...rest);
    expect(await Promise.all(two)).to.deep.equal([last, last, last]);
    await one;
    expect(store.subscribedAfter.length).to.be.at.most(2);
  });

  it('is unavailable when the log does not answer in time, even when it cannot be stopped', async () => {
    let silent = true;
    const store = new ArrayEventStore();
    const logEnd = createLogEnd(
      {
        async *subscribe(options): AsyncIterable<LogMessage> {
          if (silent) await new Promise(() => {});
          yield* store.subscribe(options);
        },
      },
      reads(null),
      100,
    );
    const failed = await logEnd().catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(EventStoreUnavailable);
    silent = false;
    store.append(...events);
    expect(await logEnd()).to.equal(last);
  }).timeout(5_000);
});
