import { eventually } from '../support/eventually.ts';
import { pause } from '../support/pause.ts';
import { verify } from '../verify/verify-log.ts';
import { checkRecovery } from './check-recovery.ts';
import type { DrillAlarm } from './drill-alarm.ts';
import type { Drill, Hands } from './drill-form.ts';
import {
  type Activity,
  type Journal,
  type Measures,
  noted,
  type SteadyState,
} from './drill-journal.ts';
import { missingFacts } from './ledger.ts';
import { missedBounds } from './missed-bounds.ts';
import type { Site } from './site.ts';

/** The load before a fault, and after it, in milliseconds. */
const beforeMs = 4_000;
const afterMs = 3_000;
/** After so many payments, the sale counts as running. */
const paymentsMin = 5;
/** The longest wait for a steady state, and for everything to be settled, in milliseconds. */
const steadyMs = 90_000;
const settledMs = 60_000;
const pollMs = 100;

export interface RunOptions {
  readonly version: string;
  readonly buyers: number;
  readonly say: (line: string) => void;
  /** Watches the service with the alarm's own rules. */
  readonly alarm: DrillAlarm;
}

/** The result of a drill and its measures. Times are milliseconds since the epoch. */
export interface Outcome {
  readonly journal: Journal;
  /** The times when the buyers began and stopped. */
  readonly loadMs: readonly [number, number];
  readonly faultMs: number;
  readonly noticedMs: number | undefined;
  /** The rule whose alarm fired first, or `/readyz`. */
  readonly noticedBy: string;
  readonly recoveredMs: number | undefined;
  readonly verifiedMs: number | undefined;
}

/** One run of a drill, on its own site. */
export class DrillRun {
  readonly #drill: Drill;
  readonly #site: Site;
  readonly #options: RunOptions;
  readonly #startMs = Date.now();
  readonly #run: Activity[] = [];
  readonly #rollbacks: Activity[] = [];
  readonly #reconciled = new Set<string>();
  #loadedMs = 0;
  #unloadedMs = 0;
  #faultMs = 0;
  #overMs = 0;
  #recoveredMs: number | undefined;
  #verifiedMs: number | undefined;
  #missing: readonly string[] = [];
  #violations: number | null = null;
  #checkFailed: readonly string[] | null = null;

  constructor(drill: Drill, site: Site, options: RunOptions) {
    this.#drill = drill;
    this.#site = site;
    this.#options = options;
  }

  /** Never throws because of the service's behaviour. The outcome has it. */
  async run(): Promise<Outcome> {
    const { say, buyers } = this.#options;
    const { prepare, method, rollback } = this.#drill;
    const hands = this.#hands();
    let after: SteadyState | null = null;
    let status: Journal['status'] = 'completed';
    say('  opens');
    await this.#site.open(buyers);
    this.#loadedMs = Date.now();
    await prepare?.(hands);
    const before = await this.#steadyState();
    try {
      if (!before.steady_state_met) throw new Error('it did not begin in a steady state');
      await pause(beforeMs);
      say(`  fault: ${this.#drill.about}`);
      await method(hands);
      await this.#recovers();
      after = await this.#steadyState();
      await pause(afterMs);
      await this.#proves();
      if (!after.steady_state_met) status = 'failed';
    } catch (error) {
      status = this.#faultMs === 0 ? 'aborted' : 'failed';
      say(`  ${error instanceof Error ? error.message : error}`);
    } finally {
      const undo = async () => rollback?.(hands);
      await noted(this.#rollbacks, 'action', 'nothing of the fault is left', undo).catch(() => {});
      await this.#site.stopBuyers();
    }
    return this.#outcome(status, before, after);
  }

  #hands(): Hands {
    return {
      ...{ site: this.#site, buyers: this.#options.buyers },
      act: (name, work) => noted(this.#run, 'action', name, work),
      fault: () => {
        this.#faultMs = Date.now();
        this.#site.book.fault();
        this.#site.readiness.fault();
        this.#options.alarm.fault();
      },
      over: () => {
        this.#overMs = Date.now();
        this.#site.book.over();
      },
      reconciled: (reservations) => {
        for (const one of reservations) this.#reconciled.add(one);
      },
    };
  }

  /** Ready, and buyers pay. */
  async #steadyState(): Promise<SteadyState> {
    const { readiness } = this.#site;
    const met = async (activity: string, condition: () => boolean) => {
      const isMet = await eventually(activity, condition, steadyMs, pollMs).then(
        () => true,
        () => false,
      );
      return { activity, tolerance_met: isMet, output: isMet };
    };
    const { payments } = this.#site.acknowledged;
    const enough = payments.size + paymentsMin;
    const probes = [
      await met('/readyz is 200', () => readiness.isReady),
      await met(`buyers pay ${paymentsMin} times`, () => payments.size >= enough),
    ];
    return { steady_state_met: probes.every((probe) => probe.tolerance_met), probes };
  }

  async #recovers(): Promise<void> {
    const { book, readiness } = this.#site;
    await noted(this.#run, 'probe', 'buyers can pay again', async () => {
      const isWell = () => book.wellMs !== undefined && readiness.isReady;
      await eventually('three payments in a row, without a failure', isWell, steadyMs, pollMs);
    });
    // What the method did after the fault may have taken longer.
    this.#recoveredMs = Math.max(book.wellMs ?? Date.now(), readiness.lastMs ?? 0);
  }

  /**
   * The buyers stop. `reprise check` says that the services have recovered, interrupted work is
   * finished, and the whole log is proven, with the tables.
   */
  async #proves(): Promise<void> {
    await this.#site.stopBuyers();
    this.#unloadedMs = Date.now();
    await noted(this.#run, 'probe', 'reprise check', async () => {
      const { failed, said } = await checkRecovery(this.#site);
      this.#checkFailed = failed;
      return said;
    });
    const servers = await this.#site.servers();
    await noted(this.#run, 'probe', 'everything is settled and proven', () =>
      eventually(
        'it is',
        async () => {
          const { violations, log } = await verify({ ...servers, listedMax: 3 });
          this.#violations = violations.total;
          return violations.total === 0 && log.openPayments === 0;
        },
        settledMs,
        pollMs,
      ),
    );
    this.#missing = await missingFacts(servers.eventStoreUrl, this.#site.acknowledged);
    this.#verifiedMs = Date.now();
  }

  async #outcome(
    status: Journal['status'],
    before: SteadyState,
    after: SteadyState | null,
  ): Promise<Outcome> {
    const { name, about, expected } = this.#drill;
    const alarmed = this.#options.alarm.first;
    const noticedMs = alarmed?.atMs ?? this.#site.readiness.noticedMs;
    const measures = this.#measures(noticedMs);
    const missed = [
      ...(status === 'completed' ? [] : [{ kind: 'fact' as const, what: `the drill ${status}` }]),
      ...missedBounds(measures, this.#drill),
    ];
    const endMs = Date.now();
    const journal: Journal = {
      experiment: { title: name, description: about, expected },
      ...{ status, deviated: missed.length > 0 },
      ...{ start: iso(this.#startMs), end: iso(endMs) },
      duration: (endMs - this.#startMs) / 1_000,
      steady_states: { before, after },
      ...{ run: this.#run, rollbacks: this.#rollbacks },
      reprise: { version: this.#options.version, buyers: this.#options.buyers, measures, missed },
    };
    return {
      ...{ journal, noticedMs, noticedBy: alarmed?.rule ?? '/readyz', faultMs: this.#faultMs },
      loadMs: [this.#loadedMs, this.#unloadedMs || endMs],
      ...{ recoveredMs: this.#recoveredMs, verifiedMs: this.#verifiedMs },
    };
  }

  #measures(noticedMs: number | undefined): Measures {
    const { book, acknowledged, readiness } = this.#site;
    const { lastMs = 0 } = readiness;
    const since = (fromMs: number, untilMs: number | undefined) =>
      untilMs === undefined ? null : Math.max(0, untilMs - fromMs) / 1_000;
    const during = book.samples.filter(({ untilMs }) => untilMs >= this.#faultMs);
    const failedByCode: Record<string, number> = {};
    for (const { byCode } of during) {
      for (const [code, n] of Object.entries(byCode)) {
        failedByCode[code] = (failedByCode[code] ?? 0) + n;
      }
    }
    const isKnown = (fact: string) => this.#reconciled.has(fact.replace(/^.* /, ''));
    return {
      detectSeconds: since(this.#faultMs, noticedMs),
      alarms: this.#options.alarm.conditions,
      recoverSeconds: since(this.#faultMs, this.#recoveredMs),
      recoverAfterFaultSeconds: since(this.#overMs, this.#recoveredMs),
      readySeconds: this.#faultMs === 0 ? null : Math.max(0, lastMs - this.#overMs) / 1_000,
      verifiedSeconds: since(this.#faultMs, this.#verifiedMs),
      withoutPurchaseSeconds: book.longestWithoutSuccess,
      slowestSeconds: book.slowestSeconds,
      requests: during.reduce((sum, { total }) => sum + total, 0),
      failed: during.reduce((sum, { failed }) => sum + failed, 0),
      failedByCode,
      acknowledged: acknowledged.reservations.size + acknowledged.payments.size,
      missing: [...this.#missing],
      reconciled: this.#missing.filter(isKnown).length,
      violations: this.#violations,
      checkFailed: this.#checkFailed === null ? null : [...this.#checkFailed],
    };
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();
