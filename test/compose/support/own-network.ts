import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { valueWithin } from '../../../src/support/time-limit.ts';
import { eventually } from '../../support/eventually.ts';

/** The longest life of a network, also when the test run was killed. In seconds. */
const lifeSeconds = 900;
/** The longest wait until a network is made, and until programs have ended, in milliseconds. */
const shortMs = 20_000;
/** The longest run of one command in it, in milliseconds. */
const commandMs = 60_000;

const needed = ['unshare', 'nsenter', 'ip', 'mount', 'setpriv'];

/** Why this machine cannot make one; undefined if it can. */
export function whyNoOwnNetwork(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can make a network of its own';
  const missing = needed.filter((name) => spawnSync(name, ['-V']).error !== undefined);
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const { status } = spawnSync('unshare', ['--net', '--mount', 'ip', 'link', 'set', 'lo', 'up']);
  return status === 0 ? undefined : 'this machine does not let root make a network of its own';
}

interface Around {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Who runs it; root unless told. */
  readonly uid?: number;
}

/**
 * A loopback network of its own, with names of hosts, and with files at the places that they have
 * in a container. Every port is free in it, so programs can have the ports of docker-compose.yml.
 */
export class OwnNetwork {
  readonly #holder: ChildProcess;
  readonly #children = new Set<ChildProcess>();

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /**
   * @param directory for its files
   * @param names of hosts, all of which are 127.0.0.1
   * @param files what is seen at a place of the file system, by that place
   */
  static async open(
    directory: string,
    names: readonly string[],
    files: ReadonlyMap<string, string>,
  ): Promise<OwnNetwork> {
    const hosts = join(directory, 'hosts');
    await writeFile(hosts, `127.0.0.1 localhost ${names.join(' ')}\n`);
    const folders = new Set([...files.keys()].map((place) => dirname(place)));
    const script = [
      'set -e; ip link set lo up',
      `mount --bind '${hosts}' /etc/hosts`,
      ...[...folders].map((to) => `mkdir -p '${to}'; mount -t tmpfs tmpfs '${to}'`),
      ...[...files].map(([to, from]) => `: >'${to}'; mount --bind '${from}' '${to}'`),
      `echo made; exec sleep ${lifeSeconds}`,
    ].join('\n');
    const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const made = await valueWithin(shortMs, once(holder.stdout as NodeJS.ReadableStream, 'data'));
    if (made === undefined) {
      holder.kill('SIGKILL');
      throw new Error(`no network within ${shortMs} ms`);
    }
    return new OwnNetwork(holder);
  }

  /** Starts a program in it, which ends with this process at the latest. */
  start([program = '', ...args]: readonly string[], { env = {}, cwd, uid }: Around): ChildProcess {
    const into = ['--net', '--mount', '--target', String(this.#holder.pid), '--', 'setpriv'];
    const who = uid === undefined ? [] : ['--reuid', `${uid}`, '--regid', `${uid}`];
    const as = [...who, ...(uid === undefined ? [] : ['--clear-groups']), '--pdeathsig', 'KILL'];
    const where = cwd === undefined ? [] : [`--wd=${cwd}`];
    const child = spawn('nsenter', [...where, ...into, ...as, '--', program, ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs a command in it to its end. */
  async run(command: readonly string[], around: Around = {}) {
    const child = this.start(command, around);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        said += chunk;
      });
    }
    const ended = await valueWithin(commandMs, once(child, 'close'));
    if (ended === undefined) child.kill('SIGKILL');
    return { code: child.exitCode, said };
  }

  /** Ends everything in it. */
  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await eventually('all programs have ended', () => this.#children.size === 0, shortMs);
    this.#holder.kill('SIGKILL');
  }
}
