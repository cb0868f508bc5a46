import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startCommand } from '../../../src/drill/run-reprise.ts';
import { ServiceProcess } from '../../../src/drill/service-process.ts';
import { within } from '../../../src/support/time-limit.ts';
import { eventually } from '../../support/eventually.ts';

/** The longest start of a service that compiles its sources, on a busy machine, in milliseconds. */
const startMs = 90_000;
/** The longest stop. A service ends running requests within 10 s. In milliseconds. */
const stopMs = 30_000;
/** From the start of the API to ready: the service builds its tables. In milliseconds. */
const readyMs = 60_000;
/** The longest command of the command line, in milliseconds. */
const commandMs = 60_000;
/** The longest answer. A service answers within 5 s. In milliseconds. */
const answerMs = 15_000;

/** No hold ends by itself during the test, however busy the machine is. */
const holdSeconds = 3_600;

type Answer<Body> = { readonly status: number; readonly headers: Headers; readonly body: Body };

/** A program of Reprise, on a data directory that releases share. No wait is without a bound. */
export class Release extends ServiceProcess {
  #pid = 0;

  /** @param bin the program of the release */
  constructor(bin: string, dataDir: string) {
    super(bin, dataDir, { WARM_UP_MS: '0', HOLD_SECONDS: String(holdSeconds) });
  }

  /** Starts, and waits until it can sell. */
  async serve(): Promise<void> {
    const starting = this.start();
    this.#pid = this.pid;
    await this.#bounded('start', startMs, starting);
    await eventually('the release is ready', async () => (await this.#ready()) === 200, readyMs);
  }

  /** Stops it like Ctrl-C. @throws Error with its output if it does not end */
  override async stop(): Promise<number | null> {
    return within(stopMs, super.stop(), () => {
      process.kill(this.#pid, 'SIGKILL');
      throw new Error(`stop: not within ${stopMs} ms: ${this.output}`);
    });
  }

  /** A command of this release: its exit code, and all that it printed. */
  async command(...args: readonly string[]): Promise<{ code: number | null; said: string }> {
    const running = startCommand(this.bin, args, { DATA_DIR: this.dataDir });
    const { code, stdout, stderr } = await within(commandMs, running.done, () => {
      running.signal('SIGKILL');
      throw new Error(`${args.join(' ')}: not within ${commandMs} ms: ${running.stderr()}`);
    });
    return { code, said: stdout + stderr };
  }

  /** Imports a catalog, with this release. */
  async import(catalog: unknown): Promise<{ code: number | null; said: string }> {
    const file = join(this.dataDir, 'catalog-of-the-test.json');
    await writeFile(file, JSON.stringify(catalog));
    return this.command('catalog', 'import', file);
  }

  /** @param concertId the concert whose room the user waits in, for releases that have rooms */
  override async token(userId: string, concertId?: string): Promise<string> {
    const query = concertId === undefined ? '' : `&concertId=${concertId}`;
    return super.token(userId + query);
  }

  override async call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer<Body>> {
    return this.#bounded(`${method} ${path}`, answerMs, super.call<Body>(method, path, options));
  }

  /** Older releases answer on the API. */
  async #ready(): Promise<number> {
    const url = `${this.adminUrl || this.url}/readyz`;
    const { status } = await fetch(url, { signal: AbortSignal.timeout(answerMs) });
    return status;
  }

  #bounded<T>(what: string, ms: number, work: Promise<T>): Promise<T> {
    return within(ms, work, () => {
      throw new Error(`${what}: not within ${ms} ms: ${this.output}`);
    });
  }
}
