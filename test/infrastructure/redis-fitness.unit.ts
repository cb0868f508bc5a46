import { expect } from 'chai';
import { queueBytes, warningsOf } from '../../src/infrastructure/redis-fitness.ts';

const info = (facts: object): string =>
  Object.entries({ role: 'master', maxmemory: 0, maxmemory_policy: 'noeviction', ...facts })
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');

describe('a Redis for the queue', () => {
  it('is as it should be without a limit, or with memory for all who may wait', () => {
    expect(warningsOf(info({}), 1_000_000)).to.deep.equal([]);
    expect(warningsOf(info({ maxmemory: queueBytes(1_000_000) }), 1_000_000)).to.deep.equal([]);
  });

  it('is told when it evicts, is a replica, or is too small', () => {
    const unfit = { role: 'slave', maxmemory: 256 * 1024 ** 2, maxmemory_policy: 'allkeys-lru' };
    const warnings = warningsOf(info(unfit), 1_000_000).join('\n');
    expect(warnings).to.match(/allkeys-lru.*replica.*256 MB.*QUEUE_WAITING_MAX 1000000/s);
  });

  it('needs memory for the buyers of all its lines', () => {
    const told = warningsOf(info({ maxmemory: queueBytes(1_000_000) }), 1_000_000, 3);
    expect(told).to.have.lengthOf(1);
    expect(told[0]).to.match(/QUEUE_WAITING_MAX 1000000 in each of 3 lines needs 13\d\d MB/);
    expect(warningsOf(info({ maxmemory: queueBytes(1_000_000, 3) }), 1_000_000, 3)).to.be.empty;
    expect(warningsOf(info({ maxmemory: queueBytes(1) }), 1_000_000, 0), 'no line').to.be.empty;
  });

  it('has enough in docker-compose.yml', async () => {
    const { readFile } = await import('node:fs/promises');
    const compose = await readFile(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
    const [, mb] = /"--maxmemory", "(\d+)mb"/.exec(compose) ?? [];
    expect(Number(mb) * 1024 ** 2).to.be.at.least(queueBytes(1_000_000));
  });
});
