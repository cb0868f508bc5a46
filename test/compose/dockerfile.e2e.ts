import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Service } from '../e2e/support/service.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { buildByHand, environment, instructionsOf, type Stage } from './support/dockerfile.ts';

const context = fileURLToPath(new URL('../../', import.meta.url));
const instructions = instructionsOf(readFileSync(join(context, 'Dockerfile'), 'utf8'));

const isRoot = process.getuid?.() === 0;
/** Stands for the image's user: nobody's, so that it owns no file of the program. */
const user = isRoot
  ? { uid: 65_534, gid: 65_534 }
  : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;

/**
 * The longest time that a command's start may take of a processor, in milliseconds, on a machine on
 * which an empty program of Node takes `bareStartMs`. On a machine that is slower at the moment of
 * the test, the limit grows by as much.
 */
const coldStartMs = 400;
const bareStartMs = 50;

/** Tells on standard error, at the end of a process, how much processor time it took. */
const cpuMeter = `data:text/javascript,${encodeURIComponent(
  'process.on("exit", () => { const { user, system } = process.cpuUsage(); ' +
    'console.error("cpu", (user + system) / 1000); })',
)}`;

interface Locked {
  readonly version: string;
  readonly dev?: true;
  readonly optional?: true;
}

/** The packages below a folder, by their place as a lock file names it, with their versions. */
function installedIn(root: string, at = 'node_modules'): Record<string, string> {
  const found: Record<string, string> = {};
  const folder = join(root, at);
  if (!existsSync(folder)) return found;
  const names = readdirSync(folder).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(folder, name)).map((one) => `${name}/${one}`) : [name],
  );
  for (const name of names.filter((one) => !one.startsWith('.'))) {
    const place = `${at}/${name}`;
    found[place] = JSON.parse(readFileSync(join(root, place, 'package.json'), 'utf8')).version;
    Object.assign(found, installedIn(root, `${place}/node_modules`));
  }
  return found;
}

describe('the lines of the Dockerfile, by hand in a clean folder', function () {
  this.timeout(900_000);
  let folder: string;
  let stages: readonly Stage[];
  let image: Stage;
  let app: string;
  const children: ChildProcess[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reprise-image-'));
    await chmod(folder, 0o755);
    const owner = `${user.uid}:${user.gid}`;
    stages = buildByHand(instructions, { context, folder, owner });
    image = stages.at(-1) as Stage;
    app = join(image.root, image.workdir);
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  /** The image's command, as its user, where nothing but /data can be written. */
  function run(command: readonly string[], env: Record<string, string>): ChildProcess {
    const [, ...args] = command;
    const as = `setpriv --reuid ${user.uid} --regid ${user.gid} --clear-groups`;
    const readOnly = `mount --bind ${app} ${app} && mount -o remount,ro,bind ${app} && exec ${as} "$0" "$@"`;
    const [program = '', ...before] = canMount
      ? ['unshare', '--mount', 'sh', '-c', readOnly, process.execPath]
      : [process.execPath];
    const child = spawn(program, [...before, ...args], {
      cwd: app,
      // No temporary directory either.
      env: { ...environment(image), HOME: '/nonexistent', TMPDIR: '/nonexistent', ...env },
      ...(isRoot && !canMount ? user : {}),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    return child;
  }

  it('begin with a Node that gets repairs, and end with a user that is not root', () => {
    for (const { image: base } of stages) expect(base).to.match(/^node:24-\w+-slim$/);
    expect(image.user).to.equal('node');
  });

  it('leave the packages of the lock file for production, in its versions, and no others', () => {
    const lock = JSON.parse(readFileSync(join(context, 'package-lock.json'), 'utf8'));
    const locked = Object.entries<Locked>(lock.packages).filter(([place]) => place !== '');
    const installed = installedIn(app);
    const versions = Object.fromEntries(locked.map(([place, { version }]) => [place, version]));
    for (const [place, version] of Object.entries(installed)) {
      expect(version, place).to.equal(versions[place]);
    }
    const wanted = locked.filter(([, one]) => !one.dev && !one.optional).map(([place]) => place);
    expect(Object.keys(installed)).to.include.members(wanted);
    const dev = locked.filter(([, one]) => one.dev).map(([place]) => place);
    expect(Object.keys(installed).filter((place) => dev.includes(place))).to.deep.equal([]);
    expect(dev).to.include.members(['node_modules/tsx', 'node_modules/typescript']);
  });

  it('leave no source, and what the program reads beside its own', () => {
    const files = readdirSync(join(app, 'dist'), { recursive: true }).map(String);
    expect(files.filter((name) => name.endsWith('.ts'))).to.deep.equal([]);
    const scripts = (root: string) =>
      readdirSync(root, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.lua'));
    expect(scripts(join(app, 'dist', 'src'))).to.have.members(scripts(join(context, 'src')));
  });

  it('make a service that sells on a read-only root, is healthy, and stops at SIGTERM', async () => {
    const [port = 0] = await freePorts(1);
    const env = { PORT: String(port), HOST: '127.0.0.1', ADMIN_PORT: '0', LOG_LEVEL: 'warn' };
    const child = run(image.command, env);
    let output = '';
    child.stderr?.on('data', (chunk) => {
      output += chunk;
    });
    const url = `http://127.0.0.1:${port}`;
    const isReady = async () => {
      if (child.exitCode !== null) throw new Error(`ended: ${output}`);
      return (await fetch(`${url}/readyz`)).ok;
    };
    await eventually('it is ready', isReady, 180_000, 100);
    const service = Service.at(url);
    const token = await service.token('1');
    const { body } = await service.reserve('1', token, '1', '1-1', 'VIP-1-1');
    expect((await service.pay('1', token, body.reservationId)).status).to.equal(200);
    expect((await service.balance('1')).balance).to.equal(999_810_000);

    const health = (at: number) => {
      const [, ...args] = image.healthcheck;
      const options = { env: { ...environment(image), PORT: String(at) } };
      return spawnSync(process.execPath, args, options).status;
    };
    expect(image.healthcheck.join(' ')).to.contain('/livez');
    expect(health(port)).to.equal(0);
    const [closed = 0] = await freePorts(1);
    expect(health(closed)).to.equal(1);

    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended, output).to.equal(0);
    expect(output).not.to.match(/"level":[56]0/);
  });

  const cpuOf = (args: readonly string[]): number => {
    const { stderr, status } = spawnSync(process.execPath, ['--import', cpuMeter, ...args], {
      cwd: app,
      env: environment(image),
      encoding: 'utf8',
    });
    expect(status, stderr).to.equal(0);
    return Number(/^cpu ([\d.]+)$/m.exec(stderr)?.[1]);
  };

  for (const args of [['--help'], ['--version'], ['backup', 'list'], ['help', 'serve']]) {
    it(`make a command that starts within ${coldStartMs} ms: ${args.join(' ')}`, () => {
      const bare: number[] = [];
      const times: number[] = [];
      for (let round = 0; round < 5; round += 1) {
        bare.push(cpuOf(['-e', '0']));
        times.push(cpuOf(['bin/reprise.js', ...args]));
      }
      const slowness = Math.max(1, Math.min(...bare) / bareStartMs);
      const told = `${times.join(', ')}; an empty program ${bare.join(', ')}`;
      expect(Math.min(...times), told).to.be.below(coldStartMs * slowness);
    });
  }
});
