import { pause } from '../support/pause.ts';
import { within } from '../support/time-limit.ts';
import type { AlarmConfig } from './alarm-options.ts';
import { type AlertState, Alerts, questions, tellsOf } from './alerts.ts';
import { History, type KeptHistory } from './counted-totals.ts';
import { evaluate, type Known, type Outcome } from './evaluate.ts';
import { byMetric, type SamplesByMetric } from './exposition.ts';
import { selectorsOf } from './expression.ts';
import { AlarmJournal, type JournalLine } from './journal.ts';
import { Notifier } from './notifier.ts';
import { instanceOf, type Polled, poll, type Target } from './poll.ts';
import { rules } from './rules.ts';
import { type Reading, sampleLine } from './samples.ts';
import { type AlarmState, readState, writeState } from './state-file.ts';

/**
 * The time between two lines about an instance, and between two writes of the state, in
 * milliseconds.
 */
const sampleEveryMs = 60_000;
/** When the alarm ends, running deliveries may take this long, in milliseconds. */
const lastWordsMs = 5_000;

export interface AlarmParts {
  readonly config: AlarmConfig;
  readonly dataDir: string;
  readonly version: string;
  /** Called with each line of the journal. */
  readonly say: (line: JournalLine) => void;
  /** Called with errors of the alarm itself. */
  readonly onError: (what: string, error: unknown) => void;
  readonly signal: AbortSignal;
  /** Called after each round with every alert that fires, and with those that wait. */
  readonly onRound?: (alerts: readonly AlertState[], nowMs: number) => void;
}

interface Instance {
  readonly target: Target;
  readonly name: string;
  readonly history: History;
  polled: Polled;
  /** The samples of `polled`. */
  samples: SamplesByMetric;
  before: Reading | undefined;
}

const windows = rules.flatMap(({ when }) => selectorsOf(when));

/** `reprise alarm`: polls the instances, sends alerts and saves its state, until the signal. */
export async function runAlarm(parts: AlarmParts): Promise<void> {
  const { config, signal, dataDir } = parts;
  const state = await readState(dataDir);
  const alerts = new Alerts(state.alerts);
  const instances = config.targets.map((target) =>
    newInstance(target, state.history[instanceOf(target)]),
  );
  const journal = new Journal(parts);
  const ended = new AbortController();
  const onUndelivered = (to: string, error: string) =>
    journal.note({ kind: 'undelivered', at: now(), to, error });
  const notifier = new Notifier({ config, onUndelivered, signal: ended.signal });
  journal.note({
    ...({ kind: 'started', at: now(), version: parts.version } as const),
    targets: config.targets.map(({ url }) => url),
  });
  let keptMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const beganMs = performance.now();
    const nowMs = await look(instances);
    if (signal.aborted) break;
    const changes = alerts.round({ off: config.off, known: instances.map(known) }, nowMs);
    parts.onRound?.(alerts.all, nowMs);
    for (const one of changes.fired) journal.change('firing', one, nowMs);
    for (const one of changes.resolved) journal.change('resolved', one, nowMs);
    const why = instances.map(({ polled }) => polled.why).find((one) => one !== undefined);
    const [url = ''] = config.targets.map(({ adminUrl }) => adminUrl);
    notifier.round(alerts.firing, changes.resolved, { nowMs, why, url });
    for (const one of instances) noteSample(one, nowMs, journal);
    const isChanged = changes.fired.length + changes.resolved.length > 0;
    if (isChanged || nowMs - keptMs >= sampleEveryMs) {
      keptMs = nowMs;
      await keep(parts, alerts, instances);
    }
    await pause(config.everyMs - (performance.now() - beganMs), signal);
  }
  await within(lastWordsMs, notifier.settled(), () => {});
  ended.abort();
  await keep(parts, alerts, instances);
  journal.note({ kind: 'stopped', at: now() });
  await journal.written();
}

/** One rule's answer, for `--once`. */
export interface Answer {
  readonly labels: Readonly<Record<string, string>>;
  readonly outcome: Outcome;
  readonly summary: string;
}

/**
 * Polls twice, `everyMs` apart, so that counters can increase. Then it evaluates each rule without
 * its waiting time.
 */
export async function lookOnce({
  targets,
  everyMs,
  off,
}: Pick<AlarmConfig, 'targets' | 'everyMs' | 'off'>): Promise<readonly Answer[]> {
  const instances = targets.map((target) => newInstance(target));
  await look(instances);
  await pause(everyMs);
  const nowMs = await look(instances);
  return questions(instances.map(known))
    .filter(({ rule }) => !off.has(rule.name) && rule.severity !== 'none')
    .map(({ rule, subject: { labels }, of, room }) => ({
      ...{ labels, outcome: evaluate(rule.when, of, nowMs, room), summary: rule.summary.en },
    }));
}

const nothing: Polled = { isUp: false, why: undefined, samples: [] };

const now = (): string => new Date().toISOString();

/** An instance that was not polled yet. @param kept its counts of an earlier run */
const newInstance = (target: Target, kept?: KeptHistory): Instance => ({
  ...{ target, name: instanceOf(target), history: new History(windows, kept) },
  ...{ polled: nothing, samples: new Map(), before: undefined },
});

const known = ({ name, samples, history }: Instance): Known => ({
  ...{ instance: name, samples, history },
});

/** @returns the time, in milliseconds since the epoch */
async function look(instances: readonly Instance[]): Promise<number> {
  const polled = await Promise.all(instances.map(({ target }) => poll(target)));
  const nowMs = Date.now();
  for (const [at, one] of instances.entries()) {
    one.polled = polled[at] as Polled;
    one.samples = byMetric(one.polled.samples);
    // Without its metrics, the values are unknown. They are not zero.
    if (one.polled.samples.length > 1) one.history.take(one.samples, nowMs);
  }
  return nowMs;
}

function noteSample(one: Instance, nowMs: number, journal: Journal): void {
  const { isUp, samples } = one.polled;
  const reading = { atMs: nowMs, isUp, samples };
  if (one.before === undefined) {
    one.before = reading;
    return;
  }
  const hasTurned = one.before.isUp !== isUp;
  if (nowMs - one.before.atMs < sampleEveryMs && !hasTurned) return;
  journal.note(sampleLine(one.name, one.before, reading));
  one.before = reading;
}

/** If the disk is full, the alarm continues to watch. */
async function keep(
  { dataDir, onError }: AlarmParts,
  alerts: Alerts,
  instances: readonly Instance[],
): Promise<void> {
  const history = Object.fromEntries(instances.map((one) => [one.name, one.history.kept()]));
  const state: AlarmState = { format: 1, alerts: [...alerts.all], history };
  await writeState(dataDir, state).catch((error) => onError('keep the state', error));
}

/** The journal on disk. Each line also goes to `say` at once. */
class Journal {
  readonly #file: AlarmJournal;
  readonly #parts: AlarmParts;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: AlarmParts) {
    this.#file = new AlarmJournal(parts.dataDir);
    this.#parts = parts;
  }

  note(line: JournalLine): void {
    this.#parts.say(line);
    this.#writing = this.#file
      .append(line)
      .catch((error) => this.#parts.onError('write the journal', error));
  }

  /** The dead-man's alert is not an incident, so it is not in the journal. */
  change(kind: 'firing' | 'resolved', state: AlertState, nowMs: number): void {
    const tells = tellsOf(state, this.#parts.config.runbooks);
    if (tells.severity === 'none') return;
    const line = {
      at: new Date(nowMs).toISOString(),
      ...{ alert: state.rule, fingerprint: state.fingerprint, labels: state.labels },
      ...tells,
      activeAt: new Date(state.activeMs).toISOString(),
    };
    this.note(kind === 'firing' ? { kind, ...line, value: state.value } : { kind, ...line });
  }

  written(): Promise<void> {
    return this.#writing;
  }
}
