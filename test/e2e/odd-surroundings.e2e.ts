import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
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

  /** The program in a checkout that was never built, and that the test may change. */
  async function neverBuilt(): Promise<string> {
    const copied = ['bin', 'src', 'embedded', 'migrations', 'ops/contracts', 'package.json'];
    for (const name of [...copied, 'tsconfig.json', 'tsconfig.build.json']) {
      await cp(join(root, name), join(checkout, name), { recursive: true });
    }
    await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
    return join(checkout, 'bin', 'reprise.js');
  }

  /** The program in a checkout in which nothing can be built: it runs the sources. */
  async function neverToBeBuilt(): Promise<string> {
    const program = await neverBuilt();
    await rm(join(checkout, 'tsconfig.build.json'));
    return program;
  }

  /** @returns what a command prints, and the folders of builds that are there afterwards */
  function versionOf(program: string) {
    const { stdout, stderr, status } = spawnSync(process.execPath, [program, '--version'], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    const builds = readdirSync(checkout).filter((name) => name.startsWith('dist'));
    return { said: [stdout.trim(), stderr, status], builds };
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

  it('builds itself in a checkout that was never built, and again when a source is different', async () => {
    const program = await neverBuilt();
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const inode = () => statSync(join(checkout, 'dist')).ino;
    const killed = join(checkout, 'dist.unfinished.killed');
    await mkdir(killed);
    await utimes(killed, 1, 1);
    expect(versionOf(program)).to.deep.equal({ said: [version, '', 0], builds: ['dist'] });
    const first = inode();
    expect(versionOf(program).said).to.deep.equal([version, '', 0]);
    expect(inode(), 'nothing is different').to.equal(first);

    // Times do not count: the file is older than the build.
    const main = join(checkout, 'src', 'main.ts');
    await writeFile(main, `console.log('edited');\n${await readFile(main, 'utf8')}`);
    await utimes(main, 1, 1);
    const edited = { said: [`edited\n${version}`, '', 0], builds: ['dist'] };
    expect(versionOf(program)).to.deep.equal(edited);

    const about = join(checkout, 'package.json');
    await writeFile(about, (await readFile(about, 'utf8')).replace(version, '99.0.0'));
    expect(versionOf(program).said).to.deep.equal(['edited\n99.0.0', '', 0]);
    // An editor's lock is a link to nothing.
    await symlink('nothing', join(checkout, 'src', '.#main.ts'));
    expect(versionOf(program).said).to.deep.equal(['edited\n99.0.0', '', 0]);
  });

  it('runs its sources if it cannot be built, says why, and keeps the older dist/', async () => {
    const program = await neverBuilt();
    expect(versionOf(program).builds).to.deep.equal(['dist']);
    const before = readFileSync(join(checkout, 'dist', 'made-from'), 'utf8');
    await writeFile(join(checkout, 'src', 'main.ts'), "console.log('sources');");
    await rm(join(checkout, 'tsconfig.build.json'));
    const { said, builds } = versionOf(program);
    const [printed, told, status] = said;
    expect([printed, status]).to.deep.equal(['sources', 0]);
    expect(told).to.match(/^reprise: dist\/ cannot be built \(.+\): the sources run, .+\n$/);
    expect(builds).to.deep.equal(['dist']);
    expect(readFileSync(join(checkout, 'dist', 'made-from'), 'utf8')).to.equal(before);
  });

  it('is built by several commands that start at the same moment', async () => {
    const program = await neverBuilt();
    const commands = Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, [program, '--version'], { stdio: 'ignore' });
      return (await once(child, 'exit'))[0];
    });
    expect(await Promise.all(commands)).to.deep.equal([0, 0, 0, 0]);
    expect(versionOf(program).builds).to.deep.equal(['dist']);
  });

  it('serves from its sources in a checkout that cannot be built', async () => {
    const service = new ServiceProcess(await neverToBeBuilt(), dataDir, settings());
    try {
      await service.start();
      expect((await fetch(`${service.url}/concert/waiting/status?userId=1`)).status).to.equal(200);
      expect(await service.terminate(), service.output).to.equal(0);
      expect(readdirSync(checkout).filter((name) => name.startsWith('dist'))).to.deep.equal([]);
    } finally {
      await service.kill();
    }
  });

  it('a temporary directory that cannot be written is a sentence, and no reason not to run', async function () {
    // What was built needs no temporary directory.
    if (!canMount()) this.skip();
    const script = 'mount -t tmpfs -o ro tmpfs /mnt && TMPDIR=/mnt exec "$NODE" "$BIN" --version';
    const env = { NODE: process.execPath, BIN: await neverToBeBuilt() };
    const { stdout, stderr, status } = mounted(script, env);
    expect(stderr).to.match(/\nreprise: the temporary directory cannot be written \(.+TMPDIR.+\n$/);
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
