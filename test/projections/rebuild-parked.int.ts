import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { projections } from '../../src/projections/models/registry.ts';
import type { RebuildOptions } from '../../src/projections/rebuild/options.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance } from './support/engines.ts';
import { recorded, withoutParked } from './support/history.ts';
import { newerProjections } from './support/newer-projections.ts';
import { rowsFromScratch, tableRows } from './support/read-models.ts';
import { failure, rebuildOn } from './support/repairs.ts';
import { freshReadModels } from './support/set-up.ts';

const shape = { seed: 41, sessions: 3, seatsPerSession: 8, users: 5 };
const events = recorded(shape, 1_200);
const first = events.slice(0, 800);
const last = (some: readonly RecordedEvent[]): bigint => some.at(-1)?.position ?? 0n;
const sales = events.filter(({ type }) => type === 'SeatSold');
const [sale, later] = [sales[1], sales.at(-3)] as [RecordedEvent, RecordedEvent];

/** The log as a version sees it that cannot read some events. */
const logOf = (some: readonly RecordedEvent[], ...poison: readonly RecordedEvent[]) => {
  const log = new ArrayEventStore();
  log.append(
    ...some.map((event) =>
      poison.includes(event) ? { ...event, metadata: { schemaVersion: 99 } } : event,
    ),
  );
  return log;
};
const rowsWithout = (some: readonly RecordedEvent[], ...poison: readonly RecordedEvent[]) =>
  rowsFromScratch(withoutParked(some, new Set(poison)));

describe('a rebuild while events are parked', function () {
  this.timeout(60_000);
  const setUp = freshReadModels();
  const { parked, retry } = setUp;

  const run = (eventStore: ArrayEventStore, options: Partial<RebuildOptions> = {}) =>
    rebuildOn(setUp.postgres, eventStore, {
      ...options,
      limits: { batchEventsMax: 200, ...options.limits },
    });
  const live = async (eventStore: ArrayEventStore, some: readonly RecordedEvent[]) => {
    const instance = startInstance(setUp.models.url, eventStore);
    expect(await instance.projector.reached(last(some), 20_000)).to.equal(true);
    return instance;
  };
  const schemas = async (): Promise<string[]> => {
    const { rows } = await sql<{ name: string }>`
      SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'reprise%' ORDER BY 1`.execute(
      setUp.models.db,
    );
    return rows.map(({ name }) => name);
  };

  it('fails, names the event and what can be done, and leaves nothing', async () => {
    const log = logOf(first, sale);
    await live(log, first);
    const before = await parked();
    const error = await failure(run(log));
    expect(error).to.contain(
      `event ${sale.revision}@${sale.stream} (SeatSold): stored version 99 is newer than 1: upgrade first, ` +
        `at log position ${sale.position}; its stream is parked in the live tables`,
    );
    expect(error).to.contain('reprise projections retry').and.contain('--keep-parked');
    expect(await schemas()).to.deep.equal([]);
    expect(await parked()).to.deep.equal(before);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsWithout(first, sale));
  });

  it('refuses to rebuild some, which would have what the others lack', async () => {
    await live(logOf(first, sale), first);
    const some = projections.filter(({ name }) => name === 'seat');
    const error = await failure(run(logOf(first), { projections: some }));
    expect(error).to.contain('events are parked: rebuild all projections together');
    expect(error).to.contain('--keep-parked').and.contain('reprise projections retry');
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsWithout(first, sale));
  });

  it('fails by an event whose rows PostgreSQL refuses, and names it', async () => {
    const longTime = `2026-01-01T00:00:00.${'1'.repeat(150)}Z`;
    const held = first.find(({ type }, n) => n > 400 && type === 'SeatReserved') as RecordedEvent;
    const refused = { ...held, data: { ...(held.data as object), expiresAt: longTime } };
    const some = first.map((event) => (event === held ? refused : event));
    const log = logOf(some);
    await live(log, first);
    const error = await failure(run(log));
    expect(error).to.contain(
      `event ${held.revision}@${held.stream} (SeatReserved): PostgreSQL refuses its rows: invalid input syntax`,
    );
    expect(error).to.contain(`at log position ${held.position}`).and.contain('--keep-parked');
    expect(await schemas()).to.deep.equal([]);
    const { keptStreams, differences } = await run(log, { keepParked: true });
    expect({ keptStreams, differences }).to.deep.equal({ keptStreams: 1, differences: 0 });
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsWithout(some, refused));
  });

  it('fails by such an event that is not parked, too, whatever is kept', async () => {
    const log = logOf(first, sale);
    await live(log, first);
    const titled = first.findLast(({ type }) => type === 'ConcertRevised') as RecordedEvent;
    const { title } = titled.data as { title: string };
    await sql
      .raw(`ALTER TABLE concert ADD CHECK (title <> '${title}') NOT VALID`)
      .execute(setUp.models.db);
    const error = await failure(run(log, { keepParked: true }));
    expect(error).to.contain(`event ${titled.revision}@${titled.stream} (ConcertRevised)`);
    expect(error).to.contain('run it with a version that can').and.not.contain('--keep-parked');
    await sql`ALTER TABLE concert DROP CONSTRAINT concert_title_check`.execute(setUp.models.db);
    const second = first.filter(({ type }) => type === 'PaymentHeld')[5] as RecordedEvent;
    const unread = await failure(run(logOf(first, sale, second), { keepParked: true }));
    expect(unread).to.contain(`event ${second.revision}@${second.stream} (PaymentHeld): stored`);
    expect(await schemas()).to.deep.equal([]);
  });

  for (const names of [projections.map(({ name }) => name), ['seat', 'account']]) {
    it(`keeps what is parked out of ${names.join(', ')}`, async () => {
      const log = logOf(first, sale);
      const { projector } = await live(log, first);
      const before = await parked();
      await sql`UPDATE seat SET user_id = 'thief' WHERE seat_id = 'A-1-1'`.execute(setUp.models.db);
      const chosen = projections.filter(({ name }) => names.includes(name));
      const dry = await run(log, { keepParked: true, dryRun: true, projections: chosen });
      expect(dry.differences).to.equal(3);
      const done = await run(log, { keepParked: true, projections: chosen });
      expect(done).to.include({ differences: 3, keptStreams: 1, swapped: true });
      expect(await tableRows(setUp.models.db)).to.deep.equal(rowsWithout(first, sale));
      expect(await parked()).to.deep.equal(before);
      log.append(...events.slice(first.length));
      expect(await projector.reached(last(events), 20_000)).to.equal(true);
      expect(await tableRows(setUp.models.db)).to.deep.equal(rowsWithout(events, sale));
      expect((await retry(logOf(events))).remaining).to.deep.equal([]);
      expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
    });
  }

  it('keeps out what it could read, too: a retry brings that in', async () => {
    await live(logOf(first, sale), first);
    const before = await parked();
    const able = logOf(first);
    const { differences, keptStreams } = await run(able, { keepParked: true });
    expect({ differences, keptStreams }).to.deep.equal({ differences: 0, keptStreams: 1 });
    expect(await parked()).to.deep.equal(before);
    await retry(able);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(first));
  });

  it('keeps out what is parked meanwhile', async () => {
    const log = logOf(first, sale);
    const { projector } = await live(log, first);
    const rest = logOf(events.slice(first.length), later);
    expect(events.indexOf(later)).to.be.greaterThan(first.length);
    // Not to be read any further while the service goes on to park the second one.
    const late = logOf([...events], sale, later);
    late.holdBackFrom(400);
    let seen = 0;
    const running = run(late, {
      keepParked: true,
      onProgress: ({ events: written }) => {
        seen = written;
      },
    });
    await eventually('it fills', () => seen === 400);
    log.append(...rest.log.flatMap((message) => (message.kind === 'event' ? [message.event] : [])));
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    late.holdBackFrom(Number.POSITIVE_INFINITY);
    const { differences, keptStreams } = await running;
    expect({ differences, keptStreams }).to.deep.equal({ differences: 0, keptStreams: 2 });
    expect(await parked()).to.have.length(2);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsWithout(events, sale, later));
  });

  it('fails when what it kept out is retried meanwhile', async () => {
    await live(logOf(first, sale), first);
    const able = logOf(first);
    const held = logOf(first);
    held.holdBackFrom(600);
    let seen = 0;
    const running = failure(
      run(held, {
        keepParked: true,
        onProgress: ({ events: written }) => {
          seen = written;
        },
      }),
    );
    await eventually('it fills', () => seen === 600);
    await retry(able);
    held.holdBackFrom(Number.POSITIVE_INFINITY);
    expect(await running)
      .to.contain('parked events were retried')
      .and.contain('run it again');
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(first));
    const { differences, eventsFound } = await run(able, { keepParked: true });
    expect({ differences, eventsFound }).to.deep.equal({ differences: 0, eventsFound: 0 });
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(first));
  });

  for (const retried of [false, true]) {
    const what = retried ? 'begins anew' : 'goes on';
    const when = retried ? 'was retried since' : 'is parked still';
    it(`${what} after it was killed when what it kept out ${when}`, async () => {
      await live(logOf(first, sale), first);
      const able = logOf(first);
      const dies = ({ step }: { step: string }) => {
        if (step === 'indexing') throw new Error('killed');
      };
      const error = await failure(run(able, { keepParked: true, onProgress: dies }));
      expect(error).to.equal('killed');
      expect(await schemas()).to.deep.equal(['reprise_rebuild']);
      if (retried) await retry(able);
      const { differences, eventsFound } = await run(able, { keepParked: true });
      expect(differences).to.equal(0);
      expect(eventsFound).to.equal(retried ? 0 : first.length);
      expect(await tableRows(setUp.models.db)).to.deep.equal(
        retried ? rowsFromScratch(first) : rowsWithout(first, sale),
      );
    });
  }

  it('brings tables of a new version although events are parked, when told to keep them so', async () => {
    const log = logOf(first, sale);
    const old = await live(log, first);
    const { renewed, keptStreams } = await run(log, {
      keepParked: true,
      projections: newerProjections,
    });
    expect({ renewed, keptStreams }).to.deep.equal({ renewed: ['seat'], keptStreams: 1 });
    log.append(...events.slice(first.length));
    await eventually('fenced', () => old.projector.status().state === 'stopped');
    const fresh = startInstance(setUp.models.url, log, { projections: newerProjections });
    expect(await fresh.projector.reached(last(events), 20_000)).to.equal(true);
    const kept = withoutParked(events, new Set([sale]));
    expect(fresh.projector.status().parkedEvents).to.equal(events.length - kept.length);
    await fresh.stop();
    await old.stop();
    const { differences } = await run(log, {
      keepParked: true,
      projections: newerProjections,
      dryRun: true,
    });
    expect(differences).to.equal(0);
  });
});
