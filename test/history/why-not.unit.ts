import { expect } from 'chai';
import type { RecordedEvent } from '../../src/events/codec.ts';
import type { SeatEvent } from '../../src/events/events.ts';
import { holdAt, holdsOf } from '../../src/history/holds.ts';
import { answerIn, whyNot } from '../../src/history/why-not.ts';
import {
  requestAnswered,
  requestStarted,
  seatReleased,
  seatReserved,
  seatSold,
} from '../support/events.ts';

const startMs = Date.UTC(2027, 0, 1);
const time = (ms: number) => new Date(startMs + ms).toISOString();
const always = { fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };

const of = (n: number, userId: string) => ({ reservationId: `s.a.${n}`, userId });
const reserved = (n: number, userId: string, atMs: number): [number, SeatEvent] => [
  atMs,
  seatReserved(of(n, userId), { expiresAt: time(atMs + 100) }),
];
const sold = (n: number, userId: string, atMs: number): [number, SeatEvent] => [
  atMs,
  seatSold(of(n, userId)),
];
const released = (
  n: number,
  userId: string,
  atMs: number,
  reason: 'expired' | 'cancelled' | 'refunded' | 'not-all',
): [number, SeatEvent] => [atMs, seatReleased(of(n, userId), reason, {})];

async function* stream(...events: [number, { type: string; data: unknown }][]) {
  for (const [index, [atMs, event]] of events.entries()) {
    const recorded: RecordedEvent = {
      id: `${index}`,
      stream: 'seat-s/a',
      revision: BigInt(index),
      position: BigInt(index),
      createdMs: startMs + atMs,
      metadata: { schemaVersion: 1 },
      ...event,
    };
    yield recorded;
  }
}

const story = () =>
  stream(
    reserved(1, 'u1', 0),
    released(1, 'u1', 101, 'expired'),
    reserved(2, 'u2', 101),
    sold(2, 'u2', 150),
    released(2, 'u2', 500, 'refunded'),
    reserved(3, 'u3', 700),
  );

const why = async (userId: string, asked: object = {}) =>
  whyNot(await holdsOf(story()), { userId, ...always, ...asked }).join('\n');

describe('who had a seat', () => {
  it('is one after another: from when until when, and what became of it', async () => {
    const { holds } = await holdsOf(story());
    const at = (ms: number) => holdAt(holds, startMs + ms)?.userId;
    expect([-1, 0, 100, 101, 499, 500, 699, 700, 9_999].map(at)).to.deep.equal([
      undefined,
      'u1',
      'u1',
      'u2',
      'u2',
      undefined,
      undefined,
      'u3',
      'u3',
    ]);
    const lines = (await why('u9')).split('\n').slice(1, 4);
    expect(lines).to.deep.equal([
      `  user u1 from ${time(0)} until ${time(101)}, reservation s.a.1: the hold ended without a payment`,
      `  user u2 from ${time(101)} until ${time(500)}, reservation s.a.2: the reservation was paid, and was cancelled later with a refund`,
      `  user u3 from ${time(700)} until now, reservation s.a.3: to be paid before ${time(800)}`,
    ]);
  });

  it('is narrowed by time to the holds that were there in it', async () => {
    const within = { fromMs: startMs + 500, untilMs: startMs + 699 };
    const text = await why('u9', within);
    expect(text).to.contain('user u2 from').and.not.contain('user u1 from');
    expect(text).to.not.contain('user u3 from');
    expect(await why('u9', { fromMs: startMs + 501, untilMs: startMs + 600 })).to.contain(
      'Who had the seat:\n  nobody\n',
    );
  });

  it('keeps the newest holds of a seat that had very many, and says that there were more', async () => {
    async function* many() {
      for (let n = 1; n <= 12_000; n += 1) {
        yield* stream(reserved(n, 'u1', n), released(n, 'u1', n, 'cancelled'));
      }
    }
    const found = await holdsOf(many());
    expect(found.holds.length).to.be.within(10_000, 11_000);
    expect(found.holds.length + found.leftOut).to.equal(12_000);
    const lines = whyNot(found, { userId: 'u2', ...always });
    expect(lines[1]).to.equal('  … 11950 earlier holds are not listed; --from and --until choose');
    expect(lines.length).to.be.below(60);
  });

  it('says how many events could not be read', async () => {
    const poison = stream([0, { type: 'SeatReserved', data: {} }], reserved(2, 'u2', 5));
    const found = await holdsOf(poison);
    expect(found).to.include({ unreadable: 1 });
    expect(whyNot(found, { userId: 'u2', ...always }).join('\n')).to.contain(
      '1 events of the seat cannot be read by this version',
    );
  });
});

describe('why a user did not get a seat', () => {
  it('is said of who never held it, with what the log cannot know', async () => {
    const text = await why('u9');
    expect(text).to.contain('User u9:\n  never held it');
    expect(text).to.contain('What the log cannot say:\n  a refused request leaves no event');
    expect(text).to.contain('--key');
  });

  it('is said of who lost it, and to whom', async () => {
    const text = await why('u1');
    expect(text).to.contain(
      `held it once from ${time(0)} until ${time(101)}, and lost it: the hold`,
    );
    expect(text).to.contain(`user u2 held it next, from ${time(101)}`);
    const seat = stream(reserved(1, 'u1', 0), released(1, 'u1', 10, 'not-all'));
    const last = whyNot(await holdsOf(seat), { userId: 'u1', ...always }).join('\n');
    expect(last).to.contain('the order did not get all of its seats\n  nobody has held it since');
  });

  it('is that the user has it, and nothing of refused tries then', async () => {
    const has = `User u3:\n  has it: reservation s.a.3, since ${time(700)}`;
    expect((await why('u3')).endsWith(has)).to.equal(true);
    const again = (n: number) => [reserved(n, 'u1', n), released(n, 'u1', n, 'cancelled')] as const;
    const held = async (...before: number[]) =>
      whyNot(await holdsOf(stream(...before.flatMap(again), reserved(9, 'u1', 9))), {
        userId: 'u1',
        ...always,
      }).slice(-2);
    const since = `  has it: reservation s.a.9, since ${time(9)}`;
    expect(await held(1)).to.deep.equal([since, '  held it once before']);
    expect(await held(1, 2)).to.deep.equal([since, '  held it 2 times before']);
    const poison = stream([0, { type: 'SeatReserved', data: {} }], reserved(2, 'u2', 5));
    expect(whyNot(await holdsOf(poison), { userId: 'u2', ...always }).slice(-2)).to.deep.equal([
      'What the log cannot say:',
      '  1 events of the seat cannot be read by this version',
    ]);
  });

  it('is said by the answer to the user’s key: what it was, and whose the seat was then', async () => {
    const body = JSON.stringify({ code: 'seat-taken', detail: 'the seat is sold' });
    const request = stream(
      [300, requestStarted({ fingerprint: 'f', at: time(300) })],
      [301, requestAnswered({ status: 409, headers: {}, body, at: time(301) })],
    );
    const text = await why('u9', { answer: await answerIn(request) });
    expect(text).to.contain(`got the answer 409 at ${time(301)}: seat-taken, the seat is sold`);
    expect(text).to.contain(`at that time this user had the seat: user u2 from ${time(101)}`);
    expect(text).to.not.contain('--key');
    const unknown = (await answerIn(stream())) ?? null;
    expect(await why('u9', { answer: unknown })).to.contain(
      'no answer to a reservation request with that key',
    );
    const free = { atMs: startMs + 600, status: 200, body: '{}' };
    expect(await why('u9', { answer: free })).to.contain('at that time nobody had the seat');
  });
});
