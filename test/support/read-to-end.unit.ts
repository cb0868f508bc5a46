import { expect } from 'chai';
import {
  EventStoreUnavailable,
  LogDiffers,
  type LogMessage,
} from '../../src/commands/core/event-store.ts';
import { readToEnd } from '../../src/support/read-to-end.ts';
import { ArrayEventStore } from '../projections/support/array-event-store.ts';
import { recorded } from '../projections/support/history.ts';

const events = recorded({ seed: 1, sessions: 1, seatsPerSession: 5, users: 2 }, 20);
const prefixes = [''];
const failureOf = (work: Promise<unknown>) => work.then(() => undefined).catch((error) => error);

describe('reading to the log’s end', () => {
  const wanted = (signal = new AbortController().signal) => ({ after: null, prefixes, signal });

  it('gives every message up to the end and leaves the subscription', async () => {
    const store = new ArrayEventStore();
    store.append(...events);
    const kinds: string[] = [];
    await readToEnd(store, wanted(), 1_000, ({ kind }) => {
      kinds.push(kind);
      return undefined;
    });
    expect(kinds).to.deep.equal([...events.map(() => 'event'), 'caught-up']);
  });

  it('stops where it is asked to', async () => {
    const store = new ArrayEventStore();
    store.append(...events);
    let seen = 0;
    await readToEnd(store, wanted(), 1_000, () => {
      seen += 1;
      return seen === 3 ? 'stop' : undefined;
    });
    expect(seen).to.equal(3);
  });

  it('fails in time when the log hangs, and ends the subscription', async () => {
    let signal: AbortSignal | undefined;
    const hanging = {
      async *subscribe(options: { signal: AbortSignal }): AsyncIterable<LogMessage> {
        signal = options.signal;
        await new Promise(() => {});
        yield { kind: 'caught-up' };
      },
    };
    const error = await failureOf(readToEnd(hanging, wanted(), 20, () => undefined));
    expect(error).to.be.instanceOf(EventStoreUnavailable);
    expect(signal?.aborted).to.equal(true);
  });

  it('fails when the log ends before its end, and with the reason of a cancellation', async () => {
    const ending = { async *subscribe(): AsyncIterable<LogMessage> {} };
    const error = await failureOf(readToEnd(ending, wanted(), 1_000, () => undefined));
    expect(error).to.be.instanceOf(EventStoreUnavailable);
    const cancelled = AbortSignal.abort(new Error('cancelled'));
    const reason = await failureOf(readToEnd(ending, wanted(cancelled), 1_000, () => undefined));
    expect(reason).to.have.property('message', 'cancelled');
  });

  it('passes on what the log says', async () => {
    const store = new ArrayEventStore();
    const [first] = events;
    if (first === undefined) throw new Error('there are events');
    const after = { position: { commit: 7n, prepare: 7n }, event: { position: 7n, id: first.id } };
    const asked = readToEnd(store, { ...wanted(), after }, 1_000, () => undefined);
    expect(await failureOf(asked)).to.be.instanceOf(LogDiffers);
  });
});
