import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis } from '../../../src/infrastructure/redis.ts';

/**
 * `cluster-client.ts URL`: says what a cluster answers, or why it does not. Trusts what
 * NODE_EXTRA_CA_CERTS names.
 */
const [, , url = ''] = process.argv;
const patienceMs = 20_000;

let said = '';
const redis = connectRedis(url, (error) => {
  const { lastNodeError } = error as { lastNodeError?: Error };
  said = (lastNodeError ?? error).message;
});
const endMs = performance.now() + patienceMs;
while (said !== 'OK' && performance.now() < endMs) {
  try {
    said = String(await redis.set('key', 'value'));
  } catch (error) {
    said ||= (error as Error).message;
  }
  await sleep(50);
}
console.log(said);
redis.disconnect();
