import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { readConfig } from '../../src/config.ts';
import { httpLimits } from '../../src/http/limits.ts';

const fileOf = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');

describe('a container of the service', () => {
  it('is healthy as long as it lives: it is not started anew because a server behind it is away', async () => {
    const text = await fileOf('Dockerfile');
    const [, check = ''] = /^HEALTHCHECK [\s\S]*?\bCMD (.*)$/m.exec(text) ?? [];
    expect(check).to.contain('/livez');
    expect(check).not.to.contain('/readyz');
  });

  it('has the time to drain and to finish before it is killed', async () => {
    const compose = await fileOf('docker-compose.yml');
    const service = compose.slice(compose.indexOf('\n  reprise:'));
    const seconds = Number(/stop_grace_period: (\d+)s/.exec(service)?.[1]);
    const { drainMs } = readConfig({ REDIS_URL: 'redis://redis:6379' });
    expect(seconds * 1_000).to.be.greaterThan(drainMs + httpLimits.closeMs);
  });
});
