/**
 * The buyers of the benchmarks, in a process of their own. Each buyer has one connection, and
 * repeats the journey of `load/journey.ts` or requests one page. After the given time, the process
 * reports the results and waits for the next job.
 */
import { Client } from 'undici';
import { quantile } from './support/measure.ts';

/** A job. */
export interface JourneyJob {
  readonly port: number;
  readonly buyers: number;
  /** Users and concerts that the buyers take at random, numbered from 1. Default 10 of each. */
  readonly users?: number;
  readonly concerts?: number;
  /** The page that the buyers request repeatedly, instead of the journey. */
  readonly page?: string;
  /** Journeys that began before this time are not counted. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** The result of a job. */
export interface JourneyResult {
  /** The number of complete journeys or pages. */
  readonly completed: number;
  readonly perSecond: number;
  readonly failed: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * There are few users, as in `load/journey.ts`. A user who has paid keeps the place in the queue
 * for a moment, and uses it for the next journey.
 */
const few = 10;

const random = (n: number): number => Math.floor(Math.random() * n);

class Buyer {
  readonly #client: Client;
  readonly #job: JourneyJob;
  readonly #took: (ms: number, status: number) => void;

  constructor(job: JourneyJob, took: (ms: number, status: number) => void) {
    this.#client = new Client(`http://127.0.0.1:${job.port}`);
    this.#job = job;
    this.#took = took;
  }

  /** @returns whether the journey was complete */
  async journey(): Promise<boolean> {
    const { concerts = few, users = few } = this.#job;
    const [concertId, userId] = [1 + random(concerts), 1 + random(users)];
    const token = await this.#wait(userId);
    const sessions = await this.#get(`/concert/${concertId}/session`);
    const { sessionId } = pick<{ sessionId: string }>(JSON.parse(sessions.body)) ?? {};
    if (sessionId === undefined) return false;
    const seats = await this.#get(`/concert/${concertId}/seat?sessionId=${sessionId}`);
    const list = (
      JSON.parse(seats.body) as { seatList: { seatId: string; isAvailable: boolean }[] }
    ).seatList;
    const seat = pick(list.filter(({ isAvailable }) => isAvailable));
    if (seat === undefined) return false;
    const { seatId } = seat;
    const held = await this.#post('reservation', { concertId, sessionId, seatId, userId }, token);
    if (held.status !== 200) return false;
    const { reservationId } = JSON.parse(held.body) as { reservationId: string };
    if ((await this.#post('payment', { userId, reservationId }, token)).status !== 200)
      return false;
    return (await this.#get(`/concert/balance?userId=${userId}`)).status === 200;
  }

  async page(path: string): Promise<boolean> {
    return (await this.#get(path)).status === 200;
  }

  end(): Promise<void> {
    return this.#client.close();
  }

  async #wait(userId: number): Promise<string> {
    for (;;) {
      const { body } = await this.#get(`/concert/waiting/status?userId=${userId}`);
      const place = JSON.parse(body) as {
        processing: boolean;
        token: string;
        retryAfterMs: number;
      };
      if (place.processing) return place.token;
      await new Promise((resolve) => setTimeout(resolve, place.retryAfterMs));
    }
  }

  #get(path: string): Promise<Answer> {
    return this.#send('GET', path, {});
  }

  #post(what: string, body: object, token: string): Promise<Answer> {
    const headers = {
      'Content-Type': 'application/json',
      AuthorizationWaiting: `Bearer ${token}`,
    };
    return this.#send('POST', `/concert/${what}`, headers, JSON.stringify(body));
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<Answer> {
    const sinceMs = performance.now();
    const answer = await this.#client.request({ method, path, headers, body: body ?? null });
    const text = await answer.body.text();
    this.#took(performance.now() - sinceMs, answer.statusCode);
    return { status: answer.statusCode, body: text };
  }
}

const pick = <T>(list: readonly T[]): T | undefined => list[random(list.length)];

async function run(job: JourneyJob): Promise<JourneyResult> {
  const { buyers, page, warmUpSeconds, seconds } = job;
  const startMs = performance.now() + warmUpSeconds * 1_000;
  const endMs = startMs + seconds * 1_000;
  const times: number[] = [];
  let completed = 0;
  let failed = 0;
  const isCounted = () => performance.now() >= startMs;
  const buy = async () => {
    const buyer = new Buyer(job, (ms, status) => {
      if (!isCounted()) return;
      times.push(ms);
      // Another buyer may take this seat first, or the last seat.
      if (status !== 200 && status !== 409) failed += 1;
    });
    while (performance.now() < endMs) {
      const work = page === undefined ? buyer.journey() : buyer.page(page);
      const isComplete = await work.catch(() => {
        failed += 1;
        return false;
      });
      if (isComplete && isCounted()) completed += 1;
    }
    await buyer.end();
  };
  await Promise.all(Array.from({ length: buyers }, buy));
  const tookSeconds = (performance.now() - startMs) / 1_000;
  return {
    completed,
    perSecond: completed / tookSeconds,
    failed,
    meanMs: times.reduce((sum, ms) => sum + ms, 0) / times.length,
    p50Ms: quantile(times, 0.5),
    p95Ms: quantile(times, 0.95),
    p99Ms: quantile(times, 0.99),
    maxMs: times.reduce((max, ms) => Math.max(max, ms), 0),
  };
}

process.on('message', (job: JourneyJob) => {
  void run(job).then((result) => process.send?.(result));
});
