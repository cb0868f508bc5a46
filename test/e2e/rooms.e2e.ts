import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { sharedEventStoreUrl } from '../support/servers.ts';
import { newTag } from '../support/tag.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

interface Entry {
  readonly processing: boolean;
  readonly token: string;
  readonly ahead: number;
  readonly room?: string;
  readonly soldOut?: boolean;
}

const [hot, quiet] = [newTag('hot'), newTag('quiet')];
/** A log may be shared with other runs, and so the names of its rooms. */
const room = newTag('room');
const [u2, u3] = [`${hot}-u2`, `${hot}-u3`];

const concert = (concertId: string, seats: number, waitingRoom?: string) => ({
  ...{ concertId, title: concertId, ...(waitingRoom && { waitingRoom }) },
  sessions: [
    {
      sessionId: `${concertId}-1`,
      startsAt: '2099-01-01T00:00:00Z',
      salesOpenAt: '2020-01-01T00:00:00Z',
      seatMap: [{ section: 'A', price: 100, rows: [{ row: '1', seats }] }],
    },
  ],
});

describe('a concert with a room of its own', function () {
  this.timeout(180_000);
  let service: Service;
  let env: Record<string, string>;

  before(async () => {
    service = await Service.start({ QUEUE_ADMITTED_MAX: '1' });
    env = { ...service.env, DATA_DIR: service.dataDir };
    await importCatalog({ concerts: [concert(hot, 1, room), concert(quiet, 2)] }, env);
    await eventually('the concerts are known', async () => {
      const { status } = await poll('visitor', hot);
      return status === 200;
    });
  });
  after(() => service.remove());

  const poll = (user: string, concertId: string) =>
    service.call<Entry>('GET', `/concert/waiting/status?userId=${user}&concertId=${concertId}`);
  const steer = async (...args: string[]) => {
    const { code, stdout, stderr } = await reprise(['queue', ...args], env);
    expect(code, stderr).to.equal(0);
    return stdout;
  };

  it('holds up no buyer of another concert, and is opened by its own tokens alone', async () => {
    expect((await poll(u2, hot)).body).to.deep.include({ processing: false, room });
    const elsewhere = (await poll(u2, quiet)).body;
    expect(elsewhere).to.include({ processing: true });
    expect(elsewhere).not.to.have.property('room');
    const refused = await service.reserve(u2, elsewhere.token, hot, `${hot}-1`, 'A-1-1');
    expect(refused.body).to.include({ status: 403, code: 'token-other-room' });
    const bought = await service.reserve(u2, elsewhere.token, quiet, `${quiet}-1`, 'A-1-1');
    expect(bought.status).to.equal(200);
  });

  it('is steered by itself, and shows it', async () => {
    await steer('set', '--room', room, '--places', '2', '--reason', 'a bigger team');
    await eventually('u2 is inside', async () => (await poll(u2, hot)).body.processing);
    expect((await poll(u3, hot)).body.processing).to.equal(false);
    const status = await steer('status', '--room', room);
    expect(status).to.contain(`room ${room}: 2 places`).and.contain('(a bigger team)');
    // On a shared log, others have steered the line of the shop, and set it back.
    const unsteered = sharedEventStoreUrl === undefined ? '; nobody has steered it' : '';
    expect(await steer('status')).to.contain(`queue: 1 places (the setting)${unsteered}`);
    const metrics = await (await fetch(`${service.adminUrl}/metrics`)).text();
    expect(metrics).to.contain(`reprise_queue_room_admitted{room="${room}"} 2`);
    expect(metrics).to.contain(`reprise_queue_room_waiting{room="${room}"} 1`);
  });

  it('says when nothing is left in it, once the seat is paid', async () => {
    const { token } = (await poll(u2, hot)).body;
    await service.charge(u2, 100, 'k');
    const { body } = await service.reserve(u2, token, hot, `${hot}-1`, 'A-1-1');
    await eventually('it shows as held', async () => {
      const sessions = await service.call<{ seatsAvailable: number }[]>(
        'GET',
        `/concert/${hot}/session`,
      );
      return sessions.body[0]?.seatsAvailable === 0;
    });
    // Longer than what is known is kept.
    const endMs = performance.now() + 5_000;
    while (performance.now() < endMs) {
      expect((await poll(u3, hot)).body, 'it may come back').not.to.have.property('soldOut');
    }
    expect((await service.pay(u2, token, body.reservationId)).status).to.equal(200);
    await eventually('told', async () => (await poll(u3, hot)).body.soldOut);
    expect((await poll(u3, quiet)).body).not.to.have.property('soldOut');
  });

  it('keeps its order over a restart', async () => {
    await steer('pause', '--room', room, '--reason', 'the order is looked at');
    // Who comes before the pause is known here may be admitted, and is then never told of it.
    let probes = 0;
    await eventually('paused', async () => {
      probes += 1;
      const { body } = await poll(`${hot}-probe-${probes}`, hot);
      return 'estimateReason' in body && body.estimateReason === 'paused';
    });
    const line = ['w1', 'w2', 'w3'].map((name) => `${hot}-${name}`);
    for (const user of line) await poll(user, hot);
    await service.stop();
    await service.start();
    for (const user of [`${hot}-new`, ...line.toReversed()]) await poll(user, hot);
    const ahead: number[] = [];
    for (const user of [...line, `${hot}-new`]) ahead.push((await poll(user, hot)).body.ahead);
    expect(ahead).to.deep.equal([...ahead].sort((a, b) => a - b));
    expect(new Set(ahead).size).to.equal(4);
  });
});
