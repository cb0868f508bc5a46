import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { serviceEnvironment } from './environment.ts';

/** The longest start of a service, also on a very busy machine, in milliseconds. */
const startMs = 120_000;

/**
 * A whole service in its own process, started like `npm start`. Its data directory stays after
 * restarts.
 */
export class ServiceProcess {
  /** The program: `bin/reprise.js`. */
  readonly bin: string;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #url: string;
  #adminUrl = '';
  #output = '';
  #exited: Promise<void> = Promise.resolve();

  /** @param url the address of a service that already runs */
  constructor(bin: string, dataDir: string, env: Readonly<Record<string, string>>, url = '') {
    this.bin = bin;
    this.dataDir = dataDir;
    this.env = env;
    this.#url = url;
  }

  /** `http://127.0.0.1:<port>`. */
  get url(): string {
    return this.#url;
  }

  /** The address of `/metrics` and of `/readyz` with its reasons. */
  get adminUrl(): string {
    return this.#adminUrl;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The output of the service since its last start. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when the last started process has ended in any way. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  async start(): Promise<void> {
    this.#output = '';
    const child = spawn(process.execPath, [this.bin, 'serve'], {
      env: serviceEnvironment({
        PORT: '0',
        ADMIN_PORT: '0',
        DATA_DIR: this.dataDir,
        LOG_LEVEL: 'warn',
        DEMO: 'off',
        ...this.env,
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    const take = (chunk: Buffer) => {
      this.#output += chunk;
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    const url = () => /API\s+(http:\S+)/.exec(this.#output)?.[1];
    await eventually('the service says where its API is', () => url() ?? hasEnded(), startMs);
    if (hasEnded()) {
      throw new Error(`ended with ${child.exitCode ?? child.signalCode}: ${this.#output}`);
    }
    this.#url = url() ?? '';
    this.#adminUrl = /admin\s+(http:\S+)/.exec(this.#output)?.[1] ?? '';
  }

  /** The addresses of this service's event store and PostgreSQL. */
  async servers(): Promise<{ eventStoreUrl: string; postgresUrl: string }> {
    return JSON.parse(await readFile(join(this.dataDir, 'service.json'), 'utf8'));
  }

  /** Sends SIGINT, like Ctrl-C. Resolves with the exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGINT');
  }

  /** Sends SIGTERM, like supervisors. Resolves with the exit code. */
  async terminate(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Resolves with the exit code when it ends by itself. */
  async ended(): Promise<number | null> {
    return this.#end();
  }

  async #end(signal?: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    if (signal !== undefined) child.kill(signal);
    return ended;
  }

  /** A call of the API with its JSON answer. */
  async call<Body = Record<string, unknown>>(
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; headers: Headers; body: Body }> {
    const response = await fetch(this.#url + path, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Body,
    };
  }

  /** `/readyz` of the admin listener, with its reasons. */
  async readyz<Body = Record<string, unknown>>(): Promise<{ status: number; body: Body }> {
    const response = await fetch(`${this.#adminUrl}/readyz`);
    return { status: response.status, body: (await response.json()) as Body };
  }

  /** Polls the queue until the user is admitted. */
  async token(userId: string): Promise<string> {
    return eventually(`user ${userId} is admitted`, async () => {
      const { body } = await this.call<{ processing: boolean; token: string }>(
        'GET',
        `/concert/waiting/status?userId=${userId}`,
      );
      return body.processing ? body.token : undefined;
    });
  }

  async reserve(
    userId: string,
    token: string,
    concertId: string,
    sessionId: string,
    seatId: string,
  ) {
    return this.call<{ reservationId: string; code?: string }>('POST', '/concert/reservation', {
      body: { concertId, sessionId, seatId, userId },
      headers: { AuthorizationWaiting: `Bearer ${token}` },
    });
  }

  async pay(userId: string, token: string, reservationId: string) {
    return this.call<{ paymentId: string; balance: number; code?: string }>(
      'POST',
      '/concert/payment',
      {
        body: { userId, reservationId },
        headers: { AuthorizationWaiting: `Bearer ${token}` },
      },
    );
  }

  async charge(userId: string, amount: number, key: string) {
    return this.call<{ balance: number }>('POST', '/concert/balance', {
      body: { userId, amount },
      headers: { 'Idempotency-Key': key },
    });
  }

  async balance(userId: string) {
    const { body } = await this.call<{ balance: number; held: number }>(
      'GET',
      `/concert/balance?userId=${userId}`,
    );
    return body;
  }
}
