import { expect } from 'chai';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { isInReadModels } from '../../src/projections/parking/parked-table.ts';
import { retrySkipped } from '../../src/projections/parking/retry-skipped.ts';
import type { RebuildOptions } from '../../src/projections/rebuild/options.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { rowsFromScratch, silent, tableRows } from './support/read-models.ts';
import { failure, rebuildOn } from './support/repairs.ts';
import { freshReadModels } from './support/set-up.ts';

const events = recorded({ seed: 53, sessions: 2, seatsPerSession: 6, users: 4 }, 500);
const last = (some: readonly RecordedEvent[]): bigint => some.at(-1)?.position ?? 0n;
/** Of a seat that is sold, and whose stream goes on. */
const sale = events.find(
  ({ type, stream }, n) =>
    type === 'SeatSold' && events.slice(n + 1).filter((one) => one.stream === stream).length > 3,
) as RecordedEvent;
const behind = events.filter(
  ({ stream, revision }) => stream === sale.stream && revision > sale.revision,
);
const without = (...gone: readonly RecordedEvent[]) =>
  events.filter((event) => !gone.includes(event));
const unreadable = (event: RecordedEvent): RecordedEvent => ({
  ...event,
  metadata: { schemaVersion: 99 },
});

/** The announcement of a skip, and its mark, right after these events. */
function skipOf(event: RecordedEvent, log: readonly RecordedEvent[]): RecordedEvent[] {
  const { stream, id: eventId, type } = event;
  const revision = Number(event.revision);
  const markRevision = log.filter((one) => one.stream === stream).length;
  const common = { createdMs: 0, metadata: { schemaVersion: 1 } };
  const at = last(log);
  return [
    {
      ...{ ...common, id: `announced-${eventId}`, stream: 'skipped-events' },
      ...{ type: 'SkipAnnounced', revision: at, position: at + 10n },
      data: {
        ...{ stream, revision, eventId, position: String(event.position) },
        ...{ markRevision, markId: `mark-${eventId}` },
      },
    },
    {
      ...{ ...common, id: `mark-${eventId}`, stream },
      ...{ type: 'EventSkipped', revision: BigInt(markRevision), position: at + 20n },
      data: { revision, eventId, type, why: 'y', reason: 'r', at: '2026-01-01T00:00:00.000Z' },
    },
  ];
}
const marks = skipOf(sale, events);
const poisoned = events.map((event) => (event === sale ? unreadable(event) : event));

describe('read models of a log with an event that is skipped', function () {
  this.timeout(60_000);
  const setUp = freshReadModels();
  const { parked, retry } = setUp;

  const logOf = (...some: readonly RecordedEvent[]) => {
    const store = new ArrayEventStore();
    store.append(...some);
    return store;
  };
  const { signal } = new AbortController();
  /** An instance as the service makes it. */
  const start = (eventStore: ArrayEventStore) => {
    const parts = { eventStore, pool: setUp.postgres.pool, projections, signal, logger: silent };
    const unpark = retrySkipped(parts);
    return startInstance(setUp.models.url, eventStore, { onParkedSkips: () => void unpark() });
  };
  const run = (eventStore: RebuildOptions['eventStore'], options: Partial<RebuildOptions> = {}) =>
    rebuildOn(setUp.postgres, eventStore, {
      ...options,
      limits: { batchEventsMax: 100, ...options.limits },
    });
  const rows = () => tableRows(setUp.models.db);

  it('have its later events as soon as it is skipped, and both instances know', async () => {
    const log = logOf(...poisoned);
    const instances = [start(log), start(log)];
    for (const { projector } of instances) {
      expect(await projector.reached(last(events), 20_000)).to.equal(true);
    }
    expect(instances[1]?.projector.status().parkedEvents).to.equal(1 + behind.length);
    expect(await rows()).not.to.deep.equal(rowsFromScratch(without(sale)));
    log.append(...marks);
    for (const { projector } of instances) {
      expect(await projector.reached(last(marks), 20_000)).to.equal(true);
      await eventually('un-parked', () => projector.status().parkedEvents === 0, 20_000);
    }
    expect(await parked()).to.deep.equal([]);
    expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
  });

  it('have them when an instance takes over that was not there when it was skipped', async () => {
    const log = logOf(...poisoned, ...marks);
    // As it was before the skip was announced, and as one that was killed then leaves the tables.
    log.holdBackFrom(poisoned.length);
    const old = startInstance(setUp.models.url, logOf(...poisoned));
    expect(await old.projector.reached(last(events), 20_000)).to.equal(true);
    await old.stop();
    expect(await parked()).to.have.length(1);
    const { projector } = start(log);
    await eventually(
      'un-parked',
      () => projector.status().parkedEvents === 0 && projector.status().state === 'live',
      20_000,
    );
    expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
    log.holdBackFrom(Number.POSITIVE_INFINITY);
    expect(await projector.reached(last(marks), 20_000)).to.equal(true);
    expect(await parked()).to.deep.equal([]);
  });

  it('are un-parked although PostgreSQL was away when it was to be done', async () => {
    const old = startInstance(setUp.models.url, logOf(...poisoned));
    expect(await old.projector.reached(last(events), 20_000)).to.equal(true);
    await old.stop();
    let failures = 0;
    const pool = new Proxy(setUp.postgres.pool, {
      get: (target, name) => {
        if (name === 'query' && failures === 0) {
          failures += 1;
          return () => Promise.reject(new Error('away'));
        }
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const eventStore = logOf(...poisoned, ...marks);
    await retrySkipped({ eventStore, pool, projections, signal, logger: silent })();
    expect(failures).to.equal(1);
    expect(await parked()).to.deep.equal([]);
    expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
  });

  for (const [what, some] of [
    ['cannot read it', poisoned],
    ['can read it', events],
  ] as const) {
    it(`are made without it from an empty database, by a version that ${what}`, async () => {
      const { projector } = start(logOf(...some, ...marks));
      expect(await projector.reached(last(marks), 20_000)).to.equal(true);
      expect(await parked()).to.deep.equal([]);
      expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
    });

    it(`are rebuilt without it by a version that ${what}`, async () => {
      const { projector } = startInstance(setUp.models.url, logOf(...some));
      expect(await projector.reached(last(events), 20_000)).to.equal(true);
      const result = await run(logOf(...some, ...marks));
      expect(result.differences).to.be.greaterThan(0);
      expect(await parked()).to.deep.equal([]);
      expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
    });
  }

  it('do not lack it while it is announced only', async () => {
    const [announced] = marks as [RecordedEvent];
    const { projector } = start(logOf(...events, announced));
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    expect(await rows()).to.deep.equal(rowsFromScratch(events));
  });

  it('say whether they have an event, so that none is skipped that some version could read', async () => {
    const log = logOf(...poisoned);
    log.holdBackFrom(1);
    const { projector } = startInstance(setUp.models.url, log);
    const first = events[0] as RecordedEvent;
    expect(await projector.reached(first.position, 20_000)).to.equal(true);
    const { pool } = setUp.postgres;
    const elsewhere = { ...first, stream: 'request-1' };
    expect(await isInReadModels(pool, first)).to.equal(true);
    expect(await isInReadModels(pool, elsewhere), 'of no read model').to.equal(false);
    expect(await isInReadModels(pool, sale), 'not yet').to.equal(false);
    log.holdBackFrom(Number.POSITIVE_INFINITY);
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    const before = events.find(({ stream }) => stream === sale.stream) as RecordedEvent;
    expect(await isInReadModels(pool, before), 'before it is parked').to.equal(true);
    expect(await isInReadModels(pool, sale), 'parked').to.equal(false);
    expect(await isInReadModels(pool, behind[0] as RecordedEvent), 'behind it').to.equal(false);
  });

  it('are retried, and told as skipped and not as written', async () => {
    const old = startInstance(setUp.models.url, logOf(...poisoned));
    expect(await old.projector.reached(last(events), 20_000)).to.equal(true);
    await old.stop();
    const log = logOf(...poisoned, ...marks);
    const { written, skipped, gone, remaining } = await retry(log);
    expect({ written, skipped, gone: gone.size, remaining }).to.deep.equal({
      ...{ written: behind.length, skipped: 1, gone: 0, remaining: [] },
    });
    expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
    expect((await retry(log)).skipped).to.equal(0);
  });

  it('are written late without it, when it is behind what is late', async () => {
    const session = events.find(
      ({ type, data }) =>
        type === 'SessionScheduled' &&
        sale.stream.startsWith(`seat-${(data as { sessionId: string }).sessionId}/`),
    ) as RecordedEvent;
    const old = startInstance(
      setUp.models.url,
      logOf(...poisoned.map((event) => (event === session ? unreadable(event) : event))),
    );
    expect(await old.projector.reached(last(events), 20_000)).to.equal(true);
    await old.stop();
    const both = poisoned.map((event) => (event === session ? unreadable(event) : event));
    expect((await retry(logOf(...both, ...marks))).skipped).to.equal(1);
    expect((await parked()).map(({ stream }) => stream)).to.deep.equal([session.stream]);
    expect((await retry(logOf(...poisoned, ...marks))).remaining).to.deep.equal([]);
    expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
  });

  it('are not put in place when it was skipped while they were built with it', async () => {
    const log = logOf(...events, ...marks);
    const { projector } = start(log);
    expect(await projector.reached(last(marks), 20_000)).to.equal(true);
    const before = {
      subscribe: log.subscribe.bind(log),
      async *readStream() {},
    };
    const error = await failure(run(before));
    expect(error).to.contain(`event ${sale.revision}@${sale.stream} was skipped while new tables`);
    expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
  });

  it('are begun anew after a killed rebuild that had it', async () => {
    const { projector } = startInstance(setUp.models.url, logOf(...events));
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    const killed = await failure(
      run(logOf(...events), {
        onProgress({ step }) {
          if (step === 'indexing') throw new Error('killed');
        },
      }),
    );
    expect(killed).to.equal('killed');
    const result = await run(logOf(...events, ...marks));
    expect(result.eventsFound).to.equal(0);
    expect(await rows()).to.deep.equal(rowsFromScratch(without(sale)));
  });
});
