import { expect } from 'chai';
import { SoldOutRooms } from '../../src/queries/sold-out.ts';

const now = Date.UTC(2030, 0, 1);
const hour = 3_600_000;

/** Concert `c` has sessions `c1`, `c2`, … */
function shop() {
  const on = {
    asked: 0,
    gone: new Set<string>(),
    isAway: false,
    isShown: true,
    sessions: [] as {
      concertId: string;
      sessionId: string;
      startsAtMs: number;
      cancelled: boolean;
    }[],
    add(sessionId: string, startsAtMs = now + hour, cancelled = false) {
      on.sessions.push({ concertId: sessionId.slice(0, 1), sessionId, startsAtMs, cancelled });
    },
  };
  const rooms = new SoldOutRooms({
    async soldOut() {
      on.asked += 1;
      if (on.isAway) throw new Error('away');
      return on.gone;
    },
    catalog: {
      sessions: () => on.sessions,
      roomOf: (concertId) => (concertId === 'h' ? 'hot' : ''),
    },
    isShown: () => on.isShown,
    now: () => now,
  });
  return { on, rooms };
}

describe('rooms of which nothing is left to buy', () => {
  it('are those with every session sold out, cancelled or over', async () => {
    const { on, rooms } = shop();
    for (const sessionId of ['a1', 'h1', 'h2']) on.add(sessionId);
    on.add('h3', now);
    on.add('h4', now + hour, true);
    on.gone = new Set(['h1']);
    await rooms.look();
    expect([rooms.has(''), rooms.has('hot')]).to.deep.equal([false, false]);
    on.gone = new Set(['h1', 'h2']);
    await rooms.look();
    expect([rooms.has(''), rooms.has('hot')]).to.deep.equal([false, true]);
    // A refund.
    on.gone = new Set(['h2']);
    await rooms.look();
    expect(rooms.has('hot')).to.equal(false);
    on.gone = new Set(['h1', 'h2', 'a1']);
    await rooms.look();
    expect([rooms.has(''), rooms.has('hot')]).to.deep.equal([true, true]);
    on.add('h5');
    await rooms.look();
    expect(rooms.has('hot'), 'a new session').to.equal(false);
  });

  it('are none of those without a session', async () => {
    const { rooms } = shop();
    await rooms.look();
    expect([rooms.has(''), rooms.has('hot')]).to.deep.equal([false, false]);
  });

  it('are found once, however many ask', async () => {
    const { on, rooms } = shop();
    on.add('a1', now);
    for (let n = 0; n < 10_000; n += 1) rooms.has('');
    await rooms.look();
    expect(on.asked).to.equal(1);
    for (let n = 0; n < 10_000; n += 1) expect(rooms.has('')).to.equal(true);
    expect(on.asked).to.equal(1);
  });

  it('are not told while it is not known', async () => {
    const { on, rooms } = shop();
    // The first may be a look that an earlier question began.
    const look = async () => {
      await rooms.look();
      await rooms.look();
    };
    on.add('a1', now);
    on.isShown = false;
    await look();
    expect(rooms.has('')).to.equal(false);
    on.isShown = true;
    on.isAway = true;
    await look();
    expect(rooms.has('')).to.equal(false);
    on.isAway = false;
    await look();
    expect(rooms.has('')).to.equal(true);
    on.isAway = true;
    await look();
    expect(rooms.has(''), 'known a moment before').to.equal(true);
  });
});
