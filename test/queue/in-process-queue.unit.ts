import { expect } from 'chai';
import { InProcessQueue } from '../../src/queue/in-process-queue.ts';
import { lotContract } from './support/lot-contract.ts';
import { queueContract } from './support/queue-contract.ts';
import { queueProperties } from './support/queue-properties.ts';
import { roomsContract } from './support/rooms-contract.ts';
import { openInProcess, openRoomsInProcess, TestClock, testSettings } from './support/times.ts';

queueContract('in-process', openInProcess);
queueProperties('in-process', openInProcess, 2_000);
lotContract('in-process', openInProcess, 300);
roomsContract('in-process', openRoomsInProcess, 500);

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
