import { expect } from 'chai';
import {
  type EventStore,
  EventStoreRefused,
  type LogMessage,
  type LogPlace,
  placeOf,
} from '../../src/commands/core/event-store.ts';
import { eventually } from '../support/eventually.ts';
import { rejection, stubs } from './support/eventstoredb.ts';
import {
  caughtUp,
  checkpoint,
  confirmation,
  eventMessage,
  fail,
  type ReadCall,
  status,
} from './support/eventstoredb-stub.ts';

describe('eventstoredb: subscribe', () => {
  const against = stubs();
  const event = (position: number) =>
    eventMessage({ stream: `seat-${position}`, revision: 0, position });

  /**
   * The first `count` messages, short: `e7` an event at 7, `c9` a checkpoint at 9, `live` caught
   * up.
   */
  async function take(
    store: EventStore,
    count: number,
    { after = null as LogPlace | null, slowMs = 0 } = {},
  ): Promise<string[]> {
    const seen: string[] = [];
    const { signal } = new AbortController();
    for await (const message of store.subscribe({ after, prefixes: ['seat-'], signal })) {
      seen.push(short(message));
      if (seen.length === count) break;
      if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
    }
    return seen;
  }

  const short = (message: LogMessage): string => {
    if (message.kind === 'event') return `e${message.event.position}`;
    return message.kind === 'checkpoint' ? `c${message.position.commit}` : 'live';
  };

  const startOf = (call: ReadCall): string => {
    const all = call.request.getOptions()?.getAll();
    return all?.getPosition()?.getCommitPosition() ?? (all?.hasStart() ? 'start' : 'end');
  };

  it('asks for the prefixes from the start, or from right before the last event', async () => {
    const { store, stub } = await against({
      read: (call) => {
        call.write(confirmation());
        call.write(event(1));
        call.write(event(2));
      },
    });
    await take(store, 1);
    await take(store, 1, { after: placeOf({ position: 1n, id: null }) });
    const asked = stub.reads.map((read) => read.getOptions());
    expect(asked[0]?.getAll()?.hasStart()).to.equal(true);
    expect(asked[1]?.getAll()?.getPosition()?.getCommitPosition()).to.equal('1');
    expect(asked[1]?.getAll()?.getPosition()?.getPreparePosition()).to.equal('0');
    const prefixes = asked[0]?.getFilter()?.getStreamIdentifier()?.getPrefixList();
    expect(prefixes).to.deep.equal(['seat-']);
  });

  it('gives checkpoints and caught-up in their place among the events, to a slow consumer too', async () => {
    const { store } = await against({
      read: (call) => {
        call.write(confirmation());
        for (const message of [event(1), event(2), checkpoint(5), caughtUp(), event(6)]) {
          call.write(message);
        }
      },
    });
    const expected = ['e1', 'e2', 'c5', 'live', 'e6'];
    expect(await take(store, 5)).to.deep.equal(expected);
    expect(await take(store, 5, { slowMs: 20 })).to.deep.equal(expected);
  });

  it('leaves out a checkpoint that says nothing new', async () => {
    const { store } = await against({
      read: (call) => {
        for (const message of [confirmation(), event(3), checkpoint(3), checkpoint(4)]) {
          call.write(message);
        }
      },
    });
    expect(await take(store, 2)).to.deep.equal(['e3', 'c4']);
  });

  for (const [how, drop] of [
    ['ends without an error', (call: ReadCall) => call.end()],
    ['breaks', (call: ReadCall) => fail(call, status(14))],
    ['is cancelled', (call: ReadCall) => fail(call, status(1))],
  ] as const) {
    it(`goes on after the last message when the server ${how}`, async () => {
      const starts: string[] = [];
      const { store } = await against({
        read: (call, _, nth) => {
          starts.push(startOf(call));
          call.write(confirmation());
          if (nth === 1) call.write(event(1));
          call.write(event(2)); // the last one, by which the log is known again
          if (nth === 2) call.write(checkpoint(40));
          if (nth === 3) call.write(event(41));
          if (nth < 3) setTimeout(() => drop(call), 30);
        },
      });
      expect(await take(store, 4)).to.deep.equal(['e1', 'e2', 'c40', 'e41']);
      expect(starts).to.deep.equal(['start', '2', '2']);
    });
  }

  it('spaces its attempts out when the server drops each one', async () => {
    const { store, stub } = await against({ read: (call) => fail(call, status(14)) });
    const end = new AbortController();
    const fromMs = performance.now();
    const twice = () => stub.reads.length >= 2 && performance.now() - fromMs > 600;
    void eventually('it tried again', twice).finally(() => end.abort());
    for await (const _ of store.subscribe({ after: null, prefixes: [''], signal: end.signal })) {
      expect.fail('nothing was sent');
    }
    expect(stub.reads.length).to.be.within(2, 12);
  });

  const quick = { answerMs: 100, quietCheckMs: 100, retryMaxMs: 50 };
  const isSubscription = (call: ReadCall): boolean =>
    call.request.getOptions()?.hasSubscription() === true;

  it('tries again when its subscription is never confirmed', async () => {
    let subscriptions = 0;
    const { store } = await against(
      {
        read: (call) => {
          if (!isSubscription(call)) return call.end(); // the log is empty, so nothing is missing
          subscriptions += 1;
          if (subscriptions > 1)
            for (const message of [confirmation(), event(1)]) call.write(message);
        },
      },
      quick,
    );
    expect(await take(store, 1)).to.deep.equal(['e1']);
  });

  it('leaves a server that falls silent after the first events', async () => {
    let subscriptions = 0;
    const { store } = await against(
      {
        read: (call) => {
          if (!isSubscription(call)) return; // the check finds it silent
          subscriptions += 1;
          call.write(confirmation());
          for (let at = 1; at <= subscriptions; at += 1) call.write(event(at));
        },
      },
      quick,
    );
    expect(await take(store, 2)).to.deep.equal(['e1', 'e2']);
  });

  it('leaves a subscription that is stuck while the log goes on', async () => {
    let subscriptions = 0;
    const { store } = await against(
      {
        read: (call) => {
          if (isSubscription(call)) {
            subscriptions += 1;
            call.write(confirmation());
            if (subscriptions === 2) call.write(event(9));
          } else {
            call.write(event(9));
            call.end();
          }
        },
      },
      quick,
    );
    expect(await take(store, 1)).to.deep.equal(['e9']);
    expect(subscriptions).to.equal(2);
  });

  it('stays with a quiet subscription as long as nothing is missing', async () => {
    const end = new AbortController();
    let checks = 0;
    let subscriptions = 0;
    const { store } = await against(
      {
        read: (call) => {
          if (isSubscription(call)) {
            subscriptions += 1;
            for (const message of [confirmation(), event(9)]) call.write(message);
            return;
          }
          checks += 1;
          if (checks === 4) end.abort();
          // Of a stream that was not asked for, or what was delivered: neither is missing.
          call.write(
            checks % 2 === 0
              ? event(9)
              : eventMessage({ stream: '$stats', revision: 1, position: 50 }),
          );
          call.end();
        },
      },
      { ...quick, answerMs: 1_000 },
    );
    const seen: string[] = [];
    const { signal } = end;
    for await (const message of store.subscribe({ after: null, prefixes: ['seat-'], signal })) {
      seen.push(short(message));
    }
    expect(seen).to.deep.equal(['e9']);
    expect(subscriptions).to.equal(1);
  });

  it('delivers an event that cannot be read, without data', async () => {
    const { store } = await against({
      read: (call) => {
        call.write(confirmation());
        call.write(eventMessage({ stream: 'seat-1', revision: 0, position: 1, data: '{"cut' }));
        call.write(event(2));
      },
    });
    expect(await take(store, 2)).to.deep.equal(['e1', 'e2']);
  });

  it('ends promptly when its signal aborts, and lets go of the call', async () => {
    let cancelled = false;
    const { store } = await against({
      read: (call) => {
        call.on('cancelled', () => {
          cancelled = true;
        });
        call.write(confirmation());
        call.write(caughtUp());
      },
    });
    const end = new AbortController();
    let abortedMs = 0;
    for await (const message of store.subscribe({
      after: null,
      prefixes: [''],
      signal: end.signal,
    })) {
      expect(message.kind).to.equal('caught-up');
      setTimeout(() => {
        abortedMs = performance.now();
        end.abort();
      }, 50);
    }
    expect(performance.now() - abortedMs).to.be.below(5_000);
    while (!cancelled) await new Promise((resolve) => setImmediate(resolve));
  });

  it('ends promptly while there is no server', async () => {
    const { store, stub } = await against({}, { retryFirstMs: 60_000, retryMaxMs: 60_000 });
    stub.stop();
    const end = new AbortController();
    setTimeout(() => end.abort(), 300);
    const startedMs = performance.now();
    for await (const _ of store.subscribe({ after: null, prefixes: [''], signal: end.signal })) {
      expect.fail('nothing is there');
    }
    expect(performance.now() - startedMs).to.be.within(250, 20_000);
  });

  it('ends at once when its signal has aborted before, and when the store is closed', async () => {
    const { store } = await against({ read: (call) => call.write(confirmation()) });
    for await (const _ of store.subscribe({
      after: null,
      prefixes: [''],
      signal: AbortSignal.abort(),
    })) {
      expect.fail('it had aborted');
    }
    setTimeout(() => void store.close(), 100);
    const { signal } = new AbortController();
    for await (const _ of store.subscribe({ after: null, prefixes: [''], signal })) {
      expect.fail('nothing was sent');
    }
  });

  it('stops with an error when it may not subscribe', async () => {
    const { store } = await against({
      read: (call) => fail(call, status(7, { exception: 'access-denied' })),
    });
    expect(await rejection(take(store, 1))).to.be.instanceOf(EventStoreRefused);
  });
});
