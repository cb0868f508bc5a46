import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type {
  EventStore,
  ExpectedRevision,
  NewEvent,
} from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithOwnEventStore } from '../support/servers.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

interface Ready {
  readonly projection: { readonly state: string; readonly parkedEvents: number };
}

describeWithOwnEventStore('a log with events that no version can read', function () {
  this.timeout(180_000);
  let one: Service;
  let other: Service;
  let store: EventStore;
  let env: Record<string, string>;
  let eventStoreUrl: string;
  let postgresUrl: string;
  let reservationId: string;
  let order: string;

  const raw = async (
    stream: string,
    expected: ExpectedRevision,
    ...events: readonly (readonly [string, object, number?])[]
  ) => {
    const made = events.map(([type, data, schemaVersion = 1]): NewEvent => {
      const event = { type, data } as NewEvent['event'];
      return { id: randomUUID(), event, metadata: { schemaVersion } };
    });
    expect((await store.append(stream, expected, made)).ok).to.equal(true);
  };
  const skip = (...args: readonly string[]) => reprise(['projections', 'skip', ...args], env);
  const typesOf = async (stream: string) => {
    const types: string[] = [];
    for await (const { type } of store.readStream(stream)) types.push(type);
    return types;
  };
  const parkedOf = async (service: Service) => {
    const { body } = await service.readyz<Ready>();
    return body.projection.parkedEvents;
  };

  before(async () => {
    one = await Service.start({ QUEUE_ADMITTED_MAX: '100', DEMO: 'off' });
    ({ eventStoreUrl, postgresUrl } = await one.servers());
    const servers = { EVENTSTORE_URL: eventStoreUrl, POSTGRES_URL: postgresUrl };
    env = { ...servers, DATA_DIR: one.dataDir };
    store = connectEventStore(eventStoreUrl);
    [other] = await Promise.all([
      Service.start({ ...servers, QUEUE_ADMITTED_MAX: '100', DEMO: 'off' }),
      importCatalog(catalogFile(1), env),
    ]);
    for (const user of ['ann', 'bob']) await one.charge(user, 1_000, 'start');
    const placed = await one.call<{ reservationId: string }>('POST', '/concert/reservation', {
      body: { concertId: 'c1', sessionId: 'c1-1', seatIds: ['A-1-1', 'A-1-2'], userId: 'ann' },
      headers: { AuthorizationWaiting: `Bearer ${await one.token('ann')}` },
    });
    ({ reservationId } = placed.body);
    order = reservationId.replace('order.', 'order-');
    expect(await typesOf(order)).to.deep.equal(['OrderPlaced', 'OrderConfirmed']);
    // As version 0.1.0 took them, or another program wrote them.
    const [{ sessions, ...concert }] = catalogFile(1, 'c2').concerts as [
      ReturnType<typeof catalogFile>['concerts'][0],
    ];
    const sections = [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1, 2] }] }];
    await raw(
      'concert-c2',
      'no_stream',
      ['ConcertRegistered', { title: 'Half \ud83c' }],
      [
        'SessionScheduled',
        {
          ...{ sessionId: 'c2-1', startsAt: sessions[0]?.startsAt, currency: 'KRW', sections },
          salesOpenAt: '0000-01-01T00:00:00Z',
        },
      ],
      ['ConcertRevised', { title: concert.title }],
    );
    await raw(order, 1n, ['OrderPaid', { paymentId: 'p' }, 2]);
    await raw('account-bob', 0n, ['PaymentCaptured', { paymentId: 'p' }]);
    for (const service of [one, other]) {
      await eventually('parked', async () => (await parkedOf(service)) === 4);
    }
  });
  after(async () => {
    await store?.close();
    await other?.remove();
    await one?.remove();
  });

  const payBy = async (service: Service) =>
    service.pay('ann', await service.token('ann'), reservationId);

  it('refuses commands on their streams, and to skip what may not be, and writes nothing', async () => {
    for (const service of [one, other]) {
      expect((await payBy(service)).body).to.include({ code: 'event-unreadable' });
      const charged = await service.charge('bob', 5, 'more');
      expect(charged.body).to.include({ code: 'event-unreadable' });
    }
    const because = ['--reason', 'a test', '--yes'];
    const refused = await Promise.all([
      skip('0@concert-c2', ...because),
      skip(`2@${order}`, ...because),
      skip('1@concert-c2', '--reason', 'a test', '--accept-loss'),
      skip('1@concert-c2', '--dry-run'),
    ]);
    const [title, loss, unasked, dry] = refused;
    expect(title?.stderr).to.contain('0@concert-c2 (ConcertRegistered) can be read');
    expect(loss?.stderr).to.contain('--accept-loss');
    expect(loss?.stdout).to.contain('a newer version of the service wrote it');
    expect(unasked?.stderr).to.contain('--yes');
    expect(refused.map(({ code }) => code)).to.deep.equal([1, 1, 1, 0]);
    expect(dry?.stdout).to.contain('event       1@concert-c2 (SessionScheduled), id ');
    expect(dry?.stdout).to.contain(
      'why         event 1@concert-c2 (SessionScheduled): salesOpenAt',
    );
    expect(dry?.stdout).to.contain('the session is not on sale, until the catalog is imported');
    expect(dry?.stdout).to.contain('nothing was written: --dry-run; it needs --accept-loss');
    expect(await typesOf('skipped-events')).to.deep.equal([]);
    const { violations } = await verify({ eventStoreUrl, postgresUrl });
    expect(violations.byCode).to.deep.equal({ unreadable: 3 });
  });

  it('skips them once, by whoever comes first, and everything goes on without them', async () => {
    const because = ['--reason', 'year 0, imported by 0.1.0', '--yes'];
    const done = await Promise.all([
      skip('1@concert-c2', ...because, '--accept-loss'),
      skip('1@concert-c2', ...because, '--accept-loss'),
      skip(`2@${order}`, ...because, '--accept-loss'),
      skip('1@account-bob', ...because),
    ]);
    for (const { code, stdout, stderr } of done)
      expect([code, stderr], stdout).to.deep.equal([0, '']);
    const expected = ['ConcertRegistered', 'SessionScheduled', 'ConcertRevised', 'EventSkipped'];
    expect(await typesOf('concert-c2')).to.deep.equal(expected);
    for (const service of [one, other]) {
      await eventually('un-parked', async () => (await parkedOf(service)) === 0);
    }
    await importCatalog(catalogFile(1, 'c2'), env);
    const paid = await payBy(other);
    expect(paid.status, JSON.stringify(paid.body)).to.equal(200);
    expect((await one.charge('bob', 5, 'more')).body.balance).to.equal(1_005);
    const token = await one.token('bob');
    await eventually('on sale', async () => {
      const held = await one.reserve('bob', token, 'c2', 'c2-1', 'A-1-1');
      return held.status === 200;
    });
  });

  it('is proven afterwards, and rebuilt the same', async () => {
    await eventually('settled', async () => (await typesOf(order)).at(-1) === 'OrderSettled');
    await eventually('proven', async () => {
      const { violations, log } = await verify({ eventStoreUrl, postgresUrl });
      return violations.total === 0 && log.skipped === 3;
    });
    const rebuilt = await reprise(['rebuild', '--dry-run'], env);
    expect(rebuilt.stdout, rebuilt.stderr).to.contain('every row is the same');
  });
});
