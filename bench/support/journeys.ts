import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LoadedService, startFreshService } from '../../load/service.ts';
import { verify } from '../../src/verify/verify-log.ts';
import type { JourneyJob, JourneyResult } from '../journey-client.ts';

/**
 * The times for warm-up and measurement, in seconds. The demo catalog has 10,000 seats, so a
 * machine that sells 1,000 seats per second does not sell out. After that, only refusals would be
 * measured.
 */
export const warmUpSeconds = 4;
export const warmSeconds = 5;

/** Buyers in their own process. */
export class Generator {
  readonly #child: ChildProcess = fork(new URL('../journey-client.ts', import.meta.url));

  async run(job: JourneyJob): Promise<JourneyResult> {
    const answer = once(this.#child, 'message');
    this.#child.send(job);
    return (await answer)[0] as JourneyResult;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  end(): void {
    this.#child.disconnect();
  }
}

/** The results of a new service. */
export interface Measured<T> {
  readonly env?: Readonly<Record<string, string>>;
  /** Another checkout of the project. It may have other tables, so only its log is proven. */
  readonly checkout?: URL;
  readonly work: (generator: Generator, service: LoadedService & { port: number }) => Promise<T>;
}

/**
 * Starts a new service, measures it, and proves its log afterwards. @throws Error if the proof
 * fails
 */
export async function onFreshService<T>({ env = {}, checkout, work }: Measured<T>): Promise<T> {
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-bench-'));
  const { signal } = new AbortController();
  const log = path.join(directory, 'service.log');
  const service = await startFreshService(log, signal, env, checkout);
  const generator = new Generator();
  try {
    const measured = await work(generator, { ...service, port: Number(new URL(service.url).port) });
    const { eventStoreUrl, postgresUrl } = service;
    const { violations } = await verify({
      eventStoreUrl,
      ...(checkout === undefined ? { postgresUrl } : {}),
    });
    if (violations.total > 0) throw new Error(`${violations.total} violations after the journeys`);
    return measured;
  } finally {
    generator.end();
    await service.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
