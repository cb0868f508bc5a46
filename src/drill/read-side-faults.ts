import { randomUUID } from 'node:crypto';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import { pause } from '../support/pause.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import type { Site } from './site.ts';

/** How long the event stays unread, in milliseconds. */
const faultMs = 5_000;
/** Until the service says that it parked an event, in milliseconds. */
const parkedMs = 20_000;
/** A seat of the last session, where the poison is. */
const poisonedStream = 'seat-c1-120/B-1-25';

/** An event as a version that nobody has would write it. */
async function appendPoison(site: Site): Promise<string> {
  const { eventStoreUrl } = await site.servers();
  const store = connectEventStore(eventStoreUrl);
  try {
    const data = {
      ...{ reservationId: 'c1-120.B-1-25.1', userId: 'poison', price: 70, currency: 'KRW' },
      expiresAt: '2099-01-01T00:00:00.000Z',
    };
    const metadata = { schemaVersion: 99, command: 'ReserveSeat', commandId: randomUUID() };
    const event = { type: 'SeatReserved', data } as const;
    const added = await store.append(poisonedStream, 'no_stream', [
      { id: randomUUID(), event, metadata },
    ]);
    if (!added.ok) throw new Error(`${poisonedStream} has events already`);
    return `0@${poisonedStream}`;
  } finally {
    await store.close();
  }
}

async function parkedEvents({ service }: Site): Promise<number> {
  const text = await (await fetch(`${service.adminUrl}/metrics`)).text();
  return Number(/^reprise_projection_parked_events (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

/** An event that no version can read. */
export const poisonDrill: Drill = {
  name: 'poison-event',
  about: 'an event that no version can read is in the stream of one seat; an operator skips it',
  expected: 'it is parked with its stream; every other seat sells on as before',
  public: {
    en: 'We put an entry into the records of sales that nobody can read.',
    ko: '판매 기록에 아무도 읽을 수 없는 항목을 넣었습니다.',
  },
  bounds: usualBounds,
  rings: 'EventsParked',
  site: {},
  async method({ site, act, fault, over }: Hands) {
    fault();
    const event = await act('an event of version 99', () => appendPoison(site));
    await act('it is parked', () =>
      eventually('it is', async () => (await parkedEvents(site)) === 1, parkedMs, 100),
    );
    await pause(faultMs);
    const answers = ['--reason', 'a drill', '--accept-loss', '--yes'];
    await act('reprise projections skip', () =>
      site.mustRun('projections', 'skip', event, ...answers),
    );
    over();
  },
};
