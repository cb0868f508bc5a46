import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { freePorts } from '../support/free-ports.ts';
import { type Program, startRedisServer } from '../support/programs.ts';
import { selfSigned } from '../support/self-signed.ts';

const client = fileURLToPath(new URL('./support/cluster-client.ts', import.meta.url));

describe('a Redis Cluster whose nodes have certificates for names', function () {
  this.timeout(60_000);
  let directory: string;
  let node: Program | undefined;
  before(async function () {
    const pair = await selfSigned();
    if (pair === undefined) return this.skip();
    directory = await mkdtemp(path.join(tmpdir(), 'reprise-redis-tls-'));
    const file = (name: string) => path.join(directory, name);
    await writeFile(file('cert'), pair.cert);
    await writeFile(file('key'), pair.key);
    const [busPort = 0] = await freePorts(1);
    const settings = {
      'tls-cert-file': file('cert'),
      'tls-key-file': file('key'),
      'tls-ca-cert-file': file('cert'),
      'tls-auth-clients': 'no',
      'tls-cluster': 'yes',
      'cluster-enabled': 'yes',
      'cluster-announce-hostname': 'localhost',
      'cluster-preferred-endpoint-type': 'hostname',
      'cluster-port': `${busPort}`,
    };
    node = await startRedisServer(settings, 'tls-port');
    if (node === undefined) {
      console.log('      skipped: there is no redis-server');
      return this.skip();
    }
    const redis = new Redis(node.port, 'localhost', { tls: { ca: pair.cert } });
    await redis.cluster('ADDSLOTSRANGE', 0, 16_383);
    redis.disconnect();
  });
  after(async () => {
    await node?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  it('is dialled by those names', async () => {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: path.join(directory, 'cert') };
    const url = `rediss+cluster://localhost:${node?.port}`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', client, url],
      { env },
    );
    expect(stdout.trim()).to.equal('OK');
  });
});
