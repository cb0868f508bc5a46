import { Redis } from 'ioredis';
import { pause } from '../support/pause.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import { isInstalled } from './programs.ts';

/** How long Redis is down, in milliseconds. */
const awayMs = 5_000;

const skip = (): string | undefined =>
  isInstalled('redis-server') ? undefined : 'redis-server is not installed';

/** Drills in which the Redis of the waiting queue is lost, or empty. */
export const redisDrills: readonly Drill[] = [
  {
    name: 'redis-down',
    about: `SIGKILL of Redis; after ${awayMs / 1_000} s it starts again without its data`,
    expected: 'buyers get a refusal while the queue is down, and enrol again; no seat is wrong',
    public: {
      en: 'We stopped the waiting queue, and brought it back empty.',
      ko: '대기열을 중단한 뒤 비어 있는 상태로 다시 시작했습니다.',
    },
    ...{ bounds: usualBounds, site: {}, needsRedis: true, skip },
    async method({ site, act, fault, over }: Hands) {
      fault();
      await act('SIGKILL of Redis', () => site.redis?.kill());
      await pause(awayMs);
      await act('Redis starts', () => site.redis?.restart());
      over();
    },
  },
  {
    name: 'redis-flush',
    about: 'all data of Redis is deleted while buyers are in the queue',
    expected:
      'the service rebuilds the queue from the log, or buyers enrol again; no seat is wrong',
    public: {
      en: 'We emptied the waiting queue while tickets were being sold.',
      ko: '티켓이 판매되는 도중에 대기열을 비웠습니다.',
    },
    ...{ bounds: usualBounds, site: {}, needsRedis: true, skip },
    async method({ site, act, fault, over }: Hands) {
      const client = new Redis(site.redis?.url ?? '');
      try {
        fault();
        await act('FLUSHALL', () => client.flushall());
        over();
      } finally {
        client.disconnect();
      }
    },
  },
];
