import { expect } from 'chai';
import { InProcessQueue } from '../../src/queue/in-process-queue.ts';
import type { QueueMove } from '../../src/queue/queue-log.ts';
import { lotContract } from './support/lot-contract.ts';
import { queueContract } from './support/queue-contract.ts';
import { queueProperties } from './support/queue-properties.ts';
import { roomsContract } from './support/rooms-contract.ts';
import { mulberry32 } from './support/simulation.ts';
import { openInProcess, openRoomsInProcess, TestClock, testSettings } from './support/times.ts';

queueContract('in-process', openInProcess);
queueProperties('in-process', openInProcess, 2_000);
lotContract('in-process', openInProcess, 300);
roomsContract('in-process', openRoomsInProcess, 500);

describe('waiting queue, in-process, and its moves', () => {
  it('tells each end, departure and absence with the number of the place, and its time', async () => {
    const clock = new TestClock();
    const numbers = new Map<string, number>();
    const kinds = new Map<string, number>();
    const onMove = ([kind, userId, number, atMs]: QueueMove): void => {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kind === 'enrolled') numbers.set(userId, number);
      else expect(number, `${kind} ${userId}`).to.equal(numbers.get(userId));
      expect(atMs, `${kind} ${userId}`).to.be.within(startMs, clock.ms);
    };
    const startMs = clock.ms;
    const queue = new InProcessQueue(testSettings, { now: clock.now, onMove });
    const chance = mulberry32(3);
    for (let n = 0; n < 20_000; n += 1) {
      const userId = `u-${Math.floor(chance() * 300)}`;
      const { processing, token } = await queue.poll(userId);
      if (processing && chance() < 0.5) await queue.authorize(userId, token);
      clock.ms += Math.floor(chance() * testSettings.waitingMs * 0.02);
    }
    for (const kind of ['enrolled', 'admitted', 'unclaimed', 'away', 'left', 'ended']) {
      expect(kinds.get(kind), kind).to.be.greaterThan(10);
    }
  });
});

describe('waiting queue, in-process, with many waiting', () => {
  /** Median microseconds of a poll by users spread over the line, while `waiting` wait. */
  const pollMicros = async (waiting: number): Promise<number> => {
    const clock = new TestClock();
    const queue = new InProcessQueue({ ...testSettings, waitingMax: waiting }, { now: clock.now });
    for (let n = 0; n < waiting + testSettings.admittedMax; n += 1) await queue.poll(`u-${n}`);
    const micros: number[] = [];
    for (let n = 0; n < 2_000; n += 1) {
      const user = `u-${testSettings.admittedMax + ((n * 7_919) % waiting)}`;
      clock.ms += 1;
      const started = performance.now();
      await queue.poll(user);
      micros.push((performance.now() - started) * 1_000);
    }
    return micros.sort((a, b) => a - b)[1_000] as number;
  };

  it('takes hardly longer with 200 times as many: a scan would take 200 times as long', async () => {
    await pollMicros(1_000);
    const few = await pollMicros(1_000);
    const many = await pollMicros(200_000);
    expect(many).to.be.lessThan(20 * few);
  });
});
