import { expect } from 'chai';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import {
  type EventStore,
  EventStoreRefused,
  EventStoreUnavailable,
  LogDiffers,
  type LogMessage,
} from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { followCatalog } from '../../src/processes/follow-catalog.ts';
import { sessionEvents } from '../correctness/support/sale.ts';
import { sessionCancelled } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { StoppedClock } from '../support/stopped-clock.ts';

describe('following the catalog', () => {
  /**
   * What the log has; each subscription gives it, then waits, until `refuse` ends it and each one
   * after.
   */
  let log: LogMessage[];
  let asked: (bigint | null)[];
  let refusal: Error | undefined;
  let wake = () => {};
  let errors: string[];
  let catalog: Catalog;
  let stop: AbortController;
  let ended: Promise<void>;

  const events = (concertId: string, from: bigint): LogMessage[] =>
    sessionEvents(`s-${concertId}`, 2).map((event, n) => ({
      kind: 'event',
      event: {
        id: `00000000-0000-4000-8000-${String(from + BigInt(n)).padStart(12, '0')}`,
        stream: `concert-${concertId}`,
        revision: BigInt(n),
        position: from + BigInt(n),
        type: event.type,
        createdMs: 0,
        data: event.data,
        metadata: { schemaVersion: 1 },
      },
    }));

  /**
   * The last event of a stream, which is to be skipped; its announcement, and its mark, right
   * behind it.
   */
  const skipped = (target: LogMessage): readonly [RecordedEvent, LogMessage] => {
    if (target.kind !== 'event') throw new Error('no event');
    const { id: eventId, stream, position, type } = target.event;
    const revision = Number(target.event.revision);
    const common = { createdMs: 0, metadata: { schemaVersion: 1 } };
    const at = { markRevision: revision + 1, markId: 'mark' };
    const announced = {
      ...{ ...common, id: 'announced', stream: 'skipped-events', revision: 0n, position: 0n },
      type: 'SkipAnnounced',
      data: { stream, revision, eventId, position: String(position), ...at },
    };
    const mark = {
      ...{ ...common, id: 'mark', stream, revision: BigInt(at.markRevision) },
      ...{ type: 'EventSkipped', position: position + 1n },
      data: { revision, eventId, type, why: 'y', reason: 'r', at: '2026-01-01T00:00:00.000Z' },
    };
    return [announced, { kind: 'event', event: mark }];
  };
  let announcements: RecordedEvent[];

  const store = {
    async *readStream(stream: string, from = 0n) {
      yield* announcements.filter((event) => event.stream === stream);
      for (const message of log) {
        const event = message.kind === 'event' ? message.event : undefined;
        if (event?.stream === stream && event.revision >= from) yield event;
      }
    },
    async *subscribe({ after, signal }: Parameters<EventStore['subscribe']>[0]) {
      const last = after?.event?.position ?? null;
      asked.push(last);
      if (refusal) throw refusal;
      for (const message of log) {
        if (message.kind !== 'event' || message.event.position > (last ?? -1n)) yield message;
      }
      yield { kind: 'caught-up' } as const;
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal.addEventListener('abort', () => resolve());
      });
      if (refusal) throw refusal;
    },
  };

  beforeEach(async () => {
    [log, asked, errors, refusal] = [events('1', 0n), [], [], undefined];
    announcements = [];
    await follow();
  });

  const follow = async () => {
    catalog = new Catalog();
    stop = new AbortController();
    const following = followCatalog({
      store,
      catalog,
      signal: stop.signal,
      againMs: 10,
      onError: (what, error) => errors.push(`${what}: ${(error as Error).message}`),
    });
    ended = following.ended;
    await following.ready;
  };
  afterEach(async () => {
    stop.abort();
    await ended;
  });

  it('goes on after a store that said no for a while, from where it was; told once', async () => {
    refusal = new EventStoreRefused('Received HTTP status code 404');
    wake();
    await eventually('it tried again', () => asked.length > 2);
    expect(catalog.isFollowed).to.equal(false);
    log.push(...events('2', 2n));
    refusal = undefined;
    await eventually('the new session is there', () => catalog.session('s-2'));
    expect(catalog.isFollowed).to.equal(true);
    expect(asked.slice(0, 2)).to.deep.equal([null, 1n]);
    expect(errors).to.deep.equal(['follow the catalog: Received HTTP status code 404']);
  });

  it('reads all anew from a log that was put back: what it does not have is not on sale', async () => {
    log.push(...events('2', 2n));
    refusal = new EventStoreRefused('a moment away');
    wake();
    await eventually('it tried again', () => asked.length > 1);
    refusal = undefined;
    await eventually('the new session is there', () => catalog.session('s-2'));
    refusal = LogDiffers.lacks({ position: 3n, id: null }, 'it ends before');
    wake();
    const before = asked.length;
    await eventually('it tried again', () => asked.length > before);
    expect(catalog.session('s-2'), 'until the log has told all').not.to.equal(undefined);
    log = events('1', 0n);
    refusal = undefined;
    await eventually('it is followed', () => catalog.isFollowed);
    expect(asked.at(-1)).to.equal(null);
    expect(catalog.session('s-2')).to.equal(undefined);
    expect(catalog.session('s-1')).not.to.equal(undefined);
  });

  const cancelled: LogMessage = {
    kind: 'event',
    event: {
      ...{ id: 'cancelled', stream: 'concert-1', revision: 2n, position: 2n, createdMs: 0 },
      ...sessionCancelled('s-1'),
      metadata: { schemaVersion: 1 },
    },
  };

  it('reads all anew without an event that is skipped, and is followed all the while', async () => {
    log.push(cancelled);
    wake();
    await eventually('cancelled', () => catalog.session('s-1')?.cancelled);
    const [announced, mark] = skipped(cancelled);
    announcements = [announced];
    log.push(mark);
    await eventually('it is followed', () => catalog.isFollowed);
    wake();
    await eventually('it counts for nothing', () => catalog.session('s-1')?.cancelled === false);
    expect(catalog.isFollowed).to.equal(true);
    expect(asked.at(-1)).to.equal(null);
    expect(errors).to.deep.equal([]);
  });

  it('knows of what was skipped before it begins', async () => {
    stop.abort();
    await ended;
    asked = [];
    const [announced, mark] = skipped(cancelled);
    announcements = [announced];
    log.push(cancelled, mark);
    await follow();
    expect(catalog.session('s-1')).to.include({ cancelled: false });
    expect(asked, 'once').to.deep.equal([null]);
  });

  it('sells nothing by a catalog that was not followed for some seconds', async () => {
    const clock = new StoppedClock();
    try {
      clock.pass(60_000);
      catalog.assertFresh();
      refusal = new EventStoreRefused('Received HTTP status code 403');
      wake();
      await eventually('it is not followed', () => !catalog.isFollowed);
      clock.pass(3_000);
      catalog.assertFresh();
      clock.pass(1);
      expect(() => catalog.assertFresh()).to.throw(EventStoreUnavailable);
      refusal = undefined;
      await eventually('it is followed', () => catalog.isFollowed);
      catalog.assertFresh();
    } finally {
      clock.restore();
    }
  });
});
