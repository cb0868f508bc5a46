import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import { pause } from '../support/pause.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import type { Site } from './site.ts';

/** How long the event stays unread, in milliseconds. */
const faultMs = 5_000;
/** Until the service says that it parked an event, in milliseconds. */
const parkedMs = 20_000;
/** Until the lists are there again, in milliseconds. */
const listsMs = 40_000;
/** A seat of the last session, where the poison is. */
const poisonedStream = 'seat-c1-120/B-1-25';

/** An event as a version that nobody has would write it. */
export async function appendPoison(site: Site): Promise<string> {
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
  about: 'the stream of one seat gets an event that no version can read; an operator skips it',
  expected: 'the service parks the event and its stream; all other seats are still sold',
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

/** Every table of the lists, and what says how far they are. */
async function dropTables(site: Site): Promise<void> {
  const { postgresUrl } = await site.servers();
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  } finally {
    await client.end();
  }
}

/** The tables of the lists are gone. */
export const tablesLostDrill: Drill = {
  name: 'read-models-lost',
  about: `the schema of the lists is deleted; after ${faultMs / 1_000} s an operator restarts the service`,
  expected: 'lists are 503 at once; after the restart the service builds them again from the log',
  public: {
    en: 'We deleted the lists of seats and reservations while tickets were being sold.',
    ko: '티켓이 판매되는 도중에 좌석과 예매 목록을 모두 지웠습니다.',
  },
  bounds: usualBounds,
  site: {},
  async method({ site, act, fault, over }: Hands) {
    fault();
    await act('DROP SCHEMA', () => dropTables(site));
    await pause(faultMs);
    await site.supervisor.away(async () => {
      await act('the service stops', () => site.service.terminate());
      await act('it starts', () => site.service.start());
    });
    over();
    await act('the lists are there', () =>
      eventually(
        'they are',
        async () => (await site.service.call('GET', '/concert/c1/session')).status === 200,
        listsMs,
        100,
      ),
    );
  },
};
