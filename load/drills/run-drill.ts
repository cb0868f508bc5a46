import { setTimeout as delay } from 'node:timers/promises';
import type { Bounds, Drill } from './list.ts';
import { type Site, whyNotReady } from './site.ts';
import { Window } from './window.ts';

/** Interval between two calls of `/readyz`, in milliseconds. */
const readyPollMs = 100;
/** Pause before the next round, after everything works again, in milliseconds. */
const betweenMs = 1_000;

/** The result of a round. */
export interface Round {
  readonly window: Window;
  /** Time until every service was ready and stayed ready. */
  readonly readySeconds: number;
  /** The last reason why a service was not ready. */
  readonly why: string;
  readonly note: string;
  readonly missed: readonly string[];
}

/** The result of a drill: all its rounds, and the check of the log afterwards. */
export interface Outcome {
  readonly drill: Drill;
  readonly rounds: readonly Round[];
  readonly facts: number;
  readonly missing: readonly string[];
  readonly verify: string;
  /** Descriptions of the missed bounds; empty when all were kept. */
  readonly missed: readonly string[];
  /** Why the drill could not finish. */
  readonly broken?: string;
}

export async function runDrill(
  drill: Drill,
  site: Site,
  rounds: number,
  buyers: number,
  say: (line: string) => void,
): Promise<Outcome> {
  const done: Round[] = [];
  let conclusion: { missing: readonly string[]; verify: string } = { missing: [], verify: '–' };
  let broken: string | undefined;
  site.startBuyers(buyers);
  try {
    for (let round = 1; round <= rounds; round++) {
      await site.well();
      const result = await runRound(drill, site);
      done.push(result);
      say(`  round ${round}/${rounds}: ${describeRound(result)}`);
      await delay(betweenMs);
    }
    await site.buyers?.stop();
    conclusion = await site.conclude();
  } catch (error) {
    broken =
      error instanceof Error ? error.message.split('\n').slice(0, 40).join('\n') : `${error}`;
    await site.buyers?.stop();
  }
  const { missing, verify } = conclusion;
  const told = site.buyers?.acknowledged;
  return {
    drill,
    rounds: done,
    facts: (told?.reservations.size ?? 0) + (told?.payments.size ?? 0),
    missing,
    verify,
    missed: [
      ...done.flatMap(({ missed }, at) => missed.map((what) => `round ${at + 1}: ${what}`)),
      ...(missing.length > 0 ? [`${missing.length} acknowledged facts are not in the log`] : []),
      ...(verify !== 'clean' && broken === undefined ? [`verify: ${verify}`] : []),
      ...(broken === undefined ? [] : [`could not finish: ${broken}`]),
    ],
    ...(broken === undefined ? {} : { broken }),
  };
}

async function runRound(drill: Drill, site: Site): Promise<Round> {
  const window = new Window(site.services.length);
  const readiness = watchReadiness(site);
  site.buyers?.watch(window);
  try {
    const { readyFromMs = window.beganMs, note = '' } = await drill.run(site);
    site.buyers?.watch(window); // the drill may have begun with others
    await site.well();
    const { atMs, why } = readiness.last();
    const readySeconds = Math.max(0, atMs - readyFromMs) / 1_000;
    const missed = missedBounds(drill.bounds, window, readySeconds);
    return { window, readySeconds, why: readySeconds > 0 ? why : '', note, missed };
  } finally {
    window.close();
    site.buyers?.watch(undefined);
    await readiness.stop();
  }
}

function missedBounds(
  { failedMax, longestSecondsMax, readySecondsMax }: Bounds,
  window: Window,
  readySeconds: number,
): string[] {
  const over = (what: string, value: number, max: number | undefined) =>
    max !== undefined && value > max ? [`${what} ${round(value)}, the bound is ${max}`] : [];
  return [
    ...over('failed requests', window.failedTotal, failedMax),
    ...over('s without a successful answer', window.longestSeconds, longestSecondsMax),
    ...over('s until ready', readySeconds, readySecondsMax),
    ...over('wrong answers', window.wrong, 0),
    ...over('answers later than 5 s', window.late, 0),
  ];
}

/** Calls `/readyz` of every service until it is stopped. */
function watchReadiness(site: Site) {
  let last = { atMs: Number.NEGATIVE_INFINITY, why: '' };
  let stopped = false;
  const watch = async (url: string) => {
    while (!stopped) {
      const why = await whyNotReady(url);
      if (why !== undefined) last = { atMs: performance.now(), why };
      await delay(readyPollMs);
    }
  };
  const all = Promise.all(site.services.map(({ adminUrl }) => watch(adminUrl)));
  return {
    last: () => last,
    async stop() {
      stopped = true;
      await all;
    },
  };
}

export function describeRound({ window, readySeconds, why, note, missed }: Round): string {
  return [
    `${window.requests} requests`,
    `failed ${describeFailed(window.failed)}`,
    `${round(window.longestSeconds)} s without a good answer`,
    `ready after ${round(readySeconds)} s${why ? ` (${why})` : ''}`,
    `slowest answer ${round(window.slowestMs / 1_000)} s`,
    ...(note ? [note] : []),
    ...(missed.length > 0 ? [`MISSED: ${missed.join('; ')}`] : []),
  ].join(', ');
}

export const describeFailed = (failed: ReadonlyMap<string, number>): string =>
  failed.size === 0 ? '0' : [...failed].map(([kind, count]) => `${count}× ${kind}`).join(' + ');

export const round = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
