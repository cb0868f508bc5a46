import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { recorded } from './support/history.ts';
import {
  hashOf,
  type ReadModels,
  readModels,
  rowsFromScratch,
  tableRows,
} from './support/read-models.ts';

/** Events; more in the long form. */
const count = Number(process.env.CATCH_UP_EVENTS ?? '60000');
/**
 * What waits, is on its way and is cached takes about 10 MB; with an unbounded backlog it is 45 MB.
 */
const growthMaxBytes = 30_000_000;
/**
 * From a fifth of the way to its end: a single number kept of each event would be more, in the long
 * form.
 */
const driftMaxBytes = 3_000_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

describe('catching up', function () {
  this.timeout(60_000 + count * 3);
  let models: ReadModels;

  before(async () => {
    models = await readModels();
  });

  after(async () => {
    await stopInstances();
    await models.close();
  });

  it(`on ${count} events takes no more memory the longer it takes, and gets all of them`, async () => {
    const events = recorded({ seed: 2, sessions: 50, seatsPerSession: 100, users: 200 }, count);
    const store = new ArrayEventStore();
    for (let at = 0; at < count; at += 10_000) store.append(...events.slice(at, at + 10_000));
    // It reads every event, and what that makes of the events themselves is no growth.
    const asked = hashOf(rowsFromScratch(events));
    await new Promise(setImmediate);
    const before = heap();
    const { projector } = startInstance(models.url, store);
    const sizes: number[] = [];
    for (let share = 1; share <= 5; share += 1) {
      const position = events[(count * share) / 5 - 1]?.position ?? 0n;
      expect(await projector.reached(position, 60_000 + count * 2)).to.equal(true);
      sizes.push(heap());
    }
    const [first = 0, ...later] = sizes;
    expect(first - before).to.be.lessThan(growthMaxBytes);
    expect(Math.max(...later) - first).to.be.lessThan(driftMaxBytes);
    expect(hashOf(await tableRows(models.db))).to.equal(asked);
  });
});
