import { randomUUID } from 'node:crypto';
import type { EventStore, NewEvent } from '../../../src/commands/core/event-store.ts';
import type { EventStoreBounds } from '../../../src/infrastructure/eventstoredb/bounds.ts';
import { connectEventStore } from '../../../src/infrastructure/eventstoredb.ts';
import { type Behaviour, type Stub, startStub } from './eventstoredb-stub.ts';

/**
 * Inside a `describe`: starts stub servers with a wrapper connected to each, and stops them after
 * each test.
 */
export function stubs() {
  const stop: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of stop.splice(0).reverse()) await end();
  });
  return async (
    behaviour: Behaviour,
    bounds: Partial<EventStoreBounds> = {},
  ): Promise<{ store: EventStore; stub: Stub }> => {
    const stub = await startStub(behaviour);
    const store = connectEventStore(stub.url, bounds);
    stop.push(
      () => stub.stop(),
      () => store.close(),
    );
    return { store, stub };
  };
}

/** An event to append; `padding` makes it larger. */
export function charged(padding?: string): NewEvent {
  return {
    id: randomUUID(),
    event: {
      type: 'BalanceCharged',
      data: {
        chargeId: randomUUID(),
        amount: 1,
        currency: 'KRW',
        balance: 1,
        at: new Date().toISOString(),
        // Servers before 24.10 count the data alone.
        ...(padding === undefined ? {} : { padding }),
      },
    },
    metadata: { schemaVersion: 1 },
  };
}

/** What the promise rejects with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) return outcome.error as Error;
  throw new Error(
    `resolved with ${JSON.stringify(outcome.value, (_, v) => (typeof v === 'bigint' ? String(v) : v))}`,
  );
}
