import { spawn, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ServiceProcess } from '../../src/drill/service-process.ts';
import { findService } from '../../src/servers/service-file.ts';
import { eventually } from '../support/eventually.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, 'bin', 'reprise.js');

/** Whether this user may change what is mounted, for its own processes alone. */
const canMount = (): boolean => spawnSync('unshare', ['--mount', 'true']).status === 0;

/** Runs a shell line with mounts of its own. */
function mounted(script: string, env: NodeJS.ProcessEnv) {
  const options = { env: { ...process.env, ...env }, encoding: 'utf8', timeout: 170_000 } as const;
  return spawnSync('unshare', ['--mount', 'sh', '-c', script], options);
}

describe('a service in odd surroundings', function () {
  this.timeout(180_000);
  let dataDir: string;
  let checkout: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-odd-'));
    checkout = await mkdtemp(join(tmpdir(), 'reprise-checkout-'));
  });
  afterEach(async () => {
    for (const folder of [dataDir, checkout]) {
      await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
    }
  });

  /** The program in a checkout that was never built: it runs the sources. */
  async function neverBuilt(): Promise<string> {
    await mkdir(join(checkout, 'bin'));
    await cp(bin, join(checkout, 'bin', 'reprise.js'));
    const links = ['src', 'embedded', 'migrations', 'ops', 'node_modules', 'package.json'];
    for (const name of links) await symlink(join(root, name), join(checkout, name));
    return join(checkout, 'bin', 'reprise.js');
  }
  const settings = () => ({
    PORT: '0',
    DEMO: 'off',
    DATA_DIR: dataDir,
    EVENTSTORE_URL: '',
    POSTGRES_URL: '',
  });

  it('`serve | head -1`: goes on when nobody reads what it says any more', async () => {
    const child = spawn(process.execPath, [bin, 'serve'], {
      env: { ...process.env, ...settings(), LOG_LEVEL: 'silent' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let fault = '';
    child.stderr.on('data', (chunk) => {
      fault += chunk;
    });
    try {
      await Promise.race([ended, new Promise((resolve) => child.stdout.once('data', resolve))]);
      child.stdout.destroy();
      const livez = () => fetch(`${findService(dataDir)?.apiUrl}/livez`);
      const serves = async () => child.exitCode !== null || (await livez()).ok;
      await eventually('it serves', serves, 100_000);
      // The last of what it says at a start comes after it listens.
      await delay(200);
      expect([child.exitCode, fault]).to.deep.equal([null, '']);
      child.kill('SIGTERM');
      expect(await ended).to.equal(0);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('runs from its sources in a checkout that was never built', async () => {
    const service = new ServiceProcess(await neverBuilt(), dataDir, settings());
    try {
      await service.start();
      expect((await fetch(`${service.url}/concert/waiting/status?userId=1`)).status).to.equal(200);
      expect(await service.terminate(), service.output).to.equal(0);
    } finally {
      await service.kill();
    }
  });

  it('a temporary directory that cannot be written is a sentence, and no reason not to run', async function () {
    // What was built needs no temporary directory.
    if (!canMount()) this.skip();
    const script = 'mount -t tmpfs -o ro tmpfs /mnt && TMPDIR=/mnt exec "$NODE" "$BIN" --version';
    const env = { NODE: process.execPath, BIN: await neverBuilt() };
    const { stdout, stderr, status } = mounted(script, env);
    expect(stderr).to.match(/^reprise: the temporary directory cannot be written \(.+TMPDIR.+\n$/);
    expect(stdout).to.match(/^\d+\.\d+\.\d+\n$/);
    expect(status).to.equal(0);
  });

  it('a /dev/shm that is too small is named', function () {
    if (process.platform !== 'linux' || !canMount()) this.skip();
    const script = 'mount -t tmpfs -o size=4k tmpfs /dev/shm && exec "$NODE" "$BIN" serve';
    const env = { ...settings(), NODE: process.execPath, BIN: bin };
    const { stderr, status } = mounted(script, env);
    expect(stderr).to.match(/^It keeps shared memory in \/dev\/shm, which is too small,.*--shm/m);
    expect(stderr).to.not.include('delete that directory');
    expect(status).to.equal(1);
  });
});
