import { expect } from 'chai';
import { roomsMax } from '../../src/commands/concert/catalog-file.ts';
import { ShopRooms } from '../../src/http/shop-rooms.ts';
import { InProcessQueue } from '../../src/queue/in-process-queue.ts';
import { QueueRooms } from '../../src/queue/queue-rooms.ts';
import { newSecret, tokenOf } from '../../src/queue/token.ts';
import { testSettings } from '../queue/support/times.ts';
import { type Api, serveApi } from './support/api.ts';

describe('rooms of the waiting queue', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  const status = (userId: string, concertId?: string) => {
    const which = concertId === undefined ? '' : `&concertId=${concertId}`;
    return api.call('GET', `/concert/waiting/status?userId=${userId}${which}`);
  };
  const headersWith = (token: string) => ({ AuthorizationWaiting: `Bearer ${token}` });
  const reserve = (concertId: string, token: string, userId = '7') =>
    api.call('POST', '/concert/reservation', {
      headers: headersWith(token),
      body: { concertId, sessionId: `${concertId}1`, seatId: 'A-1-1', userId },
    });
  const pay = (sessionId: string, token: string, userId = '7') =>
    api.call('POST', '/concert/payment', {
      headers: headersWith(token),
      body: { reservationId: `${sessionId}.A-1-1.1`, userId },
    });

  it('are told with the place, and each has its own line and token', async () => {
    const inShop = await status('7');
    expect(inShop.body).not.to.have.property('room');
    expect((await status('7', '1')).body, 'a concert without a room').to.deep.equal(inShop.body);
    const inRoom = await status('7', '2');
    expect(inRoom.body).to.include({ room: 'gala', processing: true, userId: '7' });
    expect(inRoom.body.token).to.match(/^7\.[A-Za-z0-9_-]{32}\.gala$/);
    expect((await status('8', '2')).body).to.include({ room: 'gala', processing: false });
    expect((await status('8')).body).to.include({ processing: true });
    expect((await status('7', '9')).body).to.include({ code: 'concert-not-found' });
  });

  it('tell by themselves when nothing is left to buy', async () => {
    api.fake.soldOut.add('gala');
    expect((await status('7', '2')).body).to.include({ soldOut: true });
    expect((await status('7', '1')).body).not.to.have.property('soldOut');
  });

  it('are opened by their own tokens alone, at each call that needs one', async () => {
    const { token } = (await status('7', '2')).body;
    expect((await reserve('2', token)).status).to.equal(200);
    expect((await pay('21', token)).status).to.equal(200);
    for (const refused of [await reserve('1', token), await pay('11', token)]) {
      expect(refused.status).to.equal(403);
      expect(refused.body).to.include({ code: 'token-other-room' });
      expect(refused.body.detail).to.contain('the room gala').and.contain('the line of the shop');
    }
    for (const refused of [await reserve('2', 'token-7'), await pay('21', 'token-7')]) {
      expect(refused.body).to.include({ status: 403, code: 'token-other-room' });
    }
    expect(api.fake.sales.contexts, 'no command but the two').to.have.length(2);
  });

  it('let a seat that is held be paid by a token of its user of any room', async () => {
    const { token } = (await status('7', '2')).body;
    api.fake.sales.holds = async ({ reservationId }) => reservationId.startsWith('11.');
    expect((await pay('11', token)).status).to.equal(200);
    expect((await pay('12', token)).body).to.include({ code: 'token-other-room' });
    expect((await pay('11', tokenOf('7', newSecret(), 'gala'))).body, 'forged').to.include({
      code: 'token-unknown',
    });
  });

  it('are not opened by tokens that are forged, of somebody else, or of a room that is none', async () => {
    const { token } = (await status('7', '2')).body;
    const secret = newSecret();
    for (const [forged, code] of [
      [tokenOf('7', secret, 'gala'), 'token-unknown'],
      [tokenOf('7', secret, 'tour'), 'token-unknown'],
      [tokenOf('7', secret, '__proto__'), 'token-unknown'],
      // The secret of one room is none of another.
      [token.replace(/\.gala$/, ''), 'token-unknown'],
      [token.replace(/gala$/, 'tour'), 'token-unknown'],
      [`${token}.gala`, 'token-unknown'],
    ] as const) {
      expect((await reserve('2', forged)).body, forged).to.include({ code });
      expect((await pay('21', forged)).body, forged).to.include({ code });
    }
    expect((await reserve('2', token, '8')).body).to.include({ code: 'token-not-yours' });
    const waits = (await status('8', '2')).body.token;
    expect((await reserve('2', waits, '8')).body).to.include({ code: 'not-admitted' });
    expect((await reserve('1', waits, '8')).body).to.include({ code: 'token-other-room' });
    expect(api.fake.sales.contexts).to.have.length(0);
  });

  it('renew and shorten the place of the room that was bought in', async () => {
    const first = (await status('7', '2')).body;
    await reserve('1', 'token-7');
    await pay('11', 'token-7');
    expect(api.fake.queue).to.deep.include({ renewed: ['7'], shortened: ['7'] });
    await reserve('2', first.token);
    await pay('21', first.token);
    expect(api.fake.queue).to.deep.include({ renewed: ['7'], shortened: ['7'] });
    const left = Date.parse((await status('7', '2')).body.expiresAt) - Date.now();
    expect(left).to.be.within(1, 5_100);
  });

  // One more than the rooms of a file: the line of the shop.
  it('are all counted, as many as a catalog file may have', async () => {
    const queues = new QueueRooms((room) => new InProcessQueue(testSettings, { room }));
    const names = Array.from({ length: roomsMax }, (_, n) => `room-${n}`);
    for (const name of names) queues.of(name);
    const catalog = { concert: () => {}, roomOf: () => '', session: () => undefined };
    const { sales } = api.fake;
    const rooms = new ShopRooms({ queues, sales, catalog: { ...catalog, rooms: new Set(names) } });
    expect([...(await rooms.counts()).keys()]).to.deep.equal(['', ...names]);
  });
});
