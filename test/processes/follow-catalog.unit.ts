import { expect } from 'chai';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import {
  type EventStore,
  EventStoreRefused,
  EventStoreUnavailable,
  LogDiffers,
  type LogMessage,
} from '../../src/commands/event-store.ts';
import { followCatalog } from '../../src/processes/follow-catalog.ts';
import { sessionEvents } from '../correctness/support/sale.ts';
import { eventually } from '../support/servers.ts';

describe('following the catalogue', () => {
  /** What the log has; each subscription gives it, then waits, until `refuse` ends it and each one after. */
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

  const store = {
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
    catalog = new Catalog();
    stop = new AbortController();
    const following = followCatalog({
      store: store as unknown as EventStore,
      catalog,
      signal: stop.signal,
      onError: (what, error) => errors.push(`${what}: ${(error as Error).message}`),
    });
    ended = following.ended;
    await following.ready;
  });
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
    expect(errors).to.deep.equal(['follow the catalogue: Received HTTP status code 404']);
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

  it('sells nothing by a catalogue that was not followed for some seconds', async () => {
    catalog.assertFresh();
    refusal = new EventStoreRefused('Received HTTP status code 403');
    wake();
    await eventually('nothing is sold', () => {
      try {
        catalog.assertFresh();
        return false;
      } catch (error) {
        expect(error).to.be.instanceOf(EventStoreUnavailable);
        return true;
      }
    });
    refusal = undefined;
    await eventually('it is followed', () => catalog.isFollowed);
    catalog.assertFresh();
  });
});
