import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';
import { concurrent, serial } from './support/histories.ts';
import { MirroredEventStore } from './support/mirrored-event-store.ts';
import { runAtOnce, runSerially } from './support/run-histories.ts';

/** Fewer than in memory: each call is a round trip. More with MODEL_RUNS_STORE. */
const numRuns = Number(process.env.MODEL_RUNS_STORE || 20);

describe('random histories on a real log', function () {
  this.timeout(300_000);
  let server: TestEventStore;
  let store: EventStore;
  before(async () => {
    server = await testEventStore();
    store = connectEventStore(server.url);
  });
  after(async () => {
    await store.close();
    await server.stop();
  });
  const fresh = () => new MirroredEventStore(store, `~${randomUUID()}`);

  it('one after another: the model is right, crashes included', () =>
    fc.assert(
      fc.asyncProperty(serial, (steps) => runSerially(steps, fresh())),
      { numRuns, endOnFailure: true },
    ));

  it('at once: nothing is ever wrong in the log, nothing is left half way', () =>
    fc.assert(
      fc.asyncProperty(concurrent, ([steps, turns]) => runAtOnce(steps, turns, undefined, fresh())),
      { numRuns, endOnFailure: true },
    ));
});
