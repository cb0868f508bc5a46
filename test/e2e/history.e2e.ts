import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { serviceEnvironment } from './support/environment.ts';
import { Service } from './support/service.ts';

interface Line {
  readonly time: string;
  readonly what: string;
  readonly command: string;
  readonly requestId?: string;
  readonly stream: string;
  readonly revision: string;
  readonly position: string;
  readonly type: string;
}

const concert = newTag('c');
const u1 = `${concert}-u1`;
const u2 = `${concert}-u2`;
const u3 = `${concert}-u3`;
const u4 = `${concert}-u4`;

describe('reprise history', function () {
  this.timeout(120_000);
  let service: Service;
  let env: Record<string, string>;
  let order: string;
  /** The life of the seat A-1-1. */
  let seat: Line[];

  /**
   * u1 held A-1-1 and let it go, u2 bought it, u3 came too late with a key; u4 ordered two seats
   * and paid.
   */
  before(async () => {
    service = await Service.start({ HOLD_SECONDS: '2' });
    env = { ...service.env, DATA_DIR: service.dataDir };
    await importCatalog(catalogFile(1, concert), env);
    const [t1, t2, t3, t4] = await Promise.all([u1, u2, u3, u4].map((user) => service.token(user)));
    await service.charge(u2, 1_000, 'k');
    await service.charge(u4, 1_000, 'k');
    await service.reserve(u1, String(t1), concert, `${concert}-1`, 'A-1-1');
    const sold = await eventually(
      'the hold ends',
      async () => {
        const { status, body } = await service.reserve(
          u2,
          String(t2),
          concert,
          `${concert}-1`,
          'A-1-1',
        );
        return status === 200 ? body : undefined;
      },
      10_000,
    );
    const late = await service.call('POST', '/concert/reservation', {
      body: { concertId: concert, sessionId: `${concert}-1`, seatId: 'A-1-1', userId: u3 },
      headers: { AuthorizationWaiting: `Bearer ${t3}`, 'Idempotency-Key': 'late' },
    });
    expect([late.status, late.body.code]).to.deep.equal([409, 'seat-taken']);
    await service.pay(u2, String(t2), sold.reservationId);
    const ordered = await service.call<{ reservationId: string }>('POST', '/concert/reservation', {
      body: {
        concertId: concert,
        sessionId: `${concert}-1`,
        seatIds: ['A-1-2', 'A-1-3'],
        userId: u4,
      },
      headers: { AuthorizationWaiting: `Bearer ${t4}`, 'X-Request-Id': 'the-order' },
    });
    order = ordered.body.reservationId;
    expect((await service.pay(u4, String(t4), order)).status).to.equal(200);
    const settled = eventually('the order is settled', async () =>
      (await lines('reservation', order)).some(({ type }) => type === 'OrderSettled'),
    );
    [seat] = await Promise.all([lines('seat', `${concert}-1`, 'A-1-1'), settled]);
  });
  after(() => service.remove());

  const lines = async (...args: string[]): Promise<Line[]> => {
    const { code, stdout, stderr } = await reprise(['history', ...args, '--json'], env);
    if (code !== 0) throw new Error(stderr);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };

  it('tells a seat’s life with the command and the request behind each event', () => {
    const commands = seat.map(({ type, command }) => `${type} ${command}`);
    expect(commands[0]).to.equal('SeatReserved ReserveSeat');
    // By the sweeper, or by the next buyer's command in one append.
    expect(commands[1]).to.be.oneOf(['SeatReleased ExpireHold', 'SeatReleased ReserveSeat']);
    expect(commands.slice(2)).to.deep.equal(['SeatReserved ReserveSeat', 'SeatSold SellSeat']);
    expect(seat[0]?.requestId).to.be.a('string');
    if (seat[1]?.command === 'ExpireHold') expect(seat[1]).to.not.have.property('requestId');
    expect(seat.map(({ revision }) => revision)).to.deep.equal(['0', '1', '2', '3']);
  });

  it('weaves a reservation of several seats with its payment, in the log’s order', async () => {
    const [events = [], ofOneSeat] = await Promise.all(
      [order, `${concert}-1.A-1-2.1`].map((reservation) => lines('reservation', reservation)),
    );
    const positions = events.map(({ position }) => BigInt(position));
    expect(positions).to.deep.equal([...positions].sort((a, b) => (a < b ? -1 : 1)));
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 6)).to.deep.equal([
      'OrderPlaced',
      'SeatReserved',
      'SeatReserved',
      'OrderConfirmed',
      'PaymentHeld',
      'OrderPaid',
    ]);
    expect(types.slice(6)).to.have.members([
      'SeatSold',
      'SeatSold',
      'PaymentCaptured',
      'OrderSettled',
    ]);
    expect(events.slice(0, 4).map(({ requestId }) => requestId)).to.deep.equal(
      Array(4).fill('the-order'),
    );
    expect(ofOneSeat).to.deep.equal(events);
  });

  it('lists an account, and what of it was in a time', async () => {
    const ago = ['--until', '2020-01-01T00:00:00Z'];
    const [all, none] = await Promise.all([
      lines('account', u2),
      reprise(['history', 'account', u2, ...ago], env),
    ]);
    expect(all.map(({ type }) => type)).to.deep.equal([
      'BalanceCharged',
      'PaymentHeld',
      'PaymentCaptured',
    ]);
    const [first, second] = all as [Line, Line];
    const some = await lines('account', u2, '--from', first.time, '--until', second.time);
    expect(some).to.deep.equal(all.filter(({ time }) => time <= second.time));
    expect([none.code, none.stdout, none.stderr.trim()]).to.deep.equal([
      1,
      '',
      `reprise: the log has nothing of the account of user ${u2} in that time`,
    ]);
  });

  it('says why a user did not get the seat', async () => {
    const asked = ['history', 'seat', `${concert}-1`, 'A-1-1', '--user', u3, '--key', 'late'];
    const { stdout } = await reprise(asked, env);
    expect(stdout).to.match(/^time +what happened +command +position/);
    expect(stdout).to.match(new RegExp(` user ${u1} from .*: the hold ended without a payment\n`));
    expect(stdout).to.contain(`User ${u3}:\n  never held it`);
    expect(stdout).to.match(/got the answer 409 at .*: seat-taken, the seat is held/);
    expect(stdout).to.match(
      new RegExp(
        `at that time this user had the seat: user ${u2} from .* this user owns the seat\n`,
      ),
    );
  });

  it('agrees with the seat list of every moment', async () => {
    const isAvailable = async (ms: number): Promise<boolean | undefined> => {
      const asOf = new Date(ms).toISOString();
      const path = `/concert/${concert}/seat?sessionId=${concert}-1&section=A&asOf=${asOf}`;
      const { body } = await service.call<{ seatList: { seatId: string; isAvailable: boolean }[] }>(
        'GET',
        path,
      );
      return body.seatList.find(({ seatId }) => seatId === 'A-1-1')?.isAvailable;
    };
    const times = seat.map(({ time }) => Date.parse(time));
    const [reserved, released, again] = times as [number, number, number];
    expect(await isAvailable(reserved - 1)).to.equal(true);
    expect(await isAvailable(reserved)).to.equal(false);
    expect(await isAvailable(released - 1)).to.equal(false);
    expect(await isAvailable(released)).to.equal(again > released);
    expect(await isAvailable(again)).to.equal(false);
  });

  it('says in a sentence what cannot be shown', async () => {
    const there = service.dataDir;
    const cases: [string[], string, string][] = [
      [['seat', `${concert}-1`, 'A 1'], there, '"A 1" is not an id'],
      [
        ['reservation', `${concert}-1.A-1-1.99`],
        there,
        `the log has no reservation ${concert}-1.A-1-1.99`,
      ],
      [
        ['account', `${concert}-u9`],
        there,
        `the log has nothing of the account of user ${concert}-u9`,
      ],
      [['account', u2, '--from', 'noon'], there, 'Give a time like 2027-05-01T19:00:00+09:00.'],
      [['account', u2], `${there}-not`, 'set DATA_DIR or EVENTSTORE_URL'],
    ];
    const refusals = cases.map(async ([args, dataDir, sentence]) => {
      const { code, stdout, stderr } = await reprise(['history', ...args], { DATA_DIR: dataDir });
      expect([code, stdout], args.join(' ')).to.deep.equal([1, '']);
      expect(stderr).to.contain(sentence);
      expect(stderr).to.not.match(/^ {4}at /m);
    });
    await Promise.all(refusals);
  });

  it('reads a stopped service’s log, and ends quietly when its reader has seen enough', async () => {
    await service.stop();
    const account = await reprise(['history', 'account', u2], env);
    expect(account.code).to.equal(0);
    expect(account.stdout.match(/^\d{4}-\S+ /gm)).to.have.length(3);
    const bin = fileURLToPath(new URL('../../bin/reprise.js', import.meta.url));
    const child = spawn(process.execPath, [bin, 'history', 'account', u2], {
      env: serviceEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let complaint = '';
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, complaint]).to.deep.equal([0, '']);
  });
});
