import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { changesBetween } from '../drill/compare-drills.ts';
import { DrillAlarm } from '../drill/drill-alarm.ts';
import type { Drill } from '../drill/drill-form.ts';
import { type Journal, journalSchema, type Measures } from '../drill/drill-journal.ts';
import { drills, realStoreDrills, shortDrills } from '../drill/drills.ts';
import { startRedisServer } from '../drill/programs.ts';
import { DrillRun, type Outcome } from '../drill/run-drill.ts';
import { Site, type SiteOptions } from '../drill/site.ts';
import { IncidentError, IncidentFiles } from '../incidents/files.ts';
import type { Lang } from '../incidents/report/page.ts';
import type { Audience } from '../incidents/report/reports.ts';
import { recordDrill } from './drill-record.ts';
import { table } from './table.ts';
import { version } from './version.ts';

/** As the command line has them. */
export interface DrillFlags {
  readonly out?: string;
}

export interface RunFlags extends DrillFlags {
  readonly all?: true;
  readonly short?: true;
  readonly realStore?: true;
  /** Runs of each drill. */
  readonly rounds: number;
  /** More options of each node of a real event store, with spaces between them. */
  readonly nodeOptions?: string;
  readonly buyers: number;
  readonly timeZone?: string;
}

export interface ShowDrillFlags extends DrillFlags {
  readonly for: Audience;
  readonly lang: Lang;
}

export interface CompareFlags extends DrillFlags {
  readonly json?: true;
}

const say = (line: string) => console.log(line);
const journalName = 'journal.json';

const filesOf = ({ out }: DrillFlags, config: Config): IncidentFiles =>
  new IncidentFiles(out ?? join(config.dataDir, 'drills'));

/** `reprise drill list`. */
export async function listDrills(flags: DrillFlags, config: Config): Promise<void> {
  const files = filesOf(flags, config);
  const runs = await files.list();
  const rows = await Promise.all(
    drills.map(async ({ name, about }) => {
      const last = runs.find(({ title }) => title === name);
      const journal = last && (await journalOf(files, last.id).catch(() => undefined));
      return [name, journal === undefined ? '–' : verdictOf(journal), about];
    }),
  );
  for (const line of table([['drill', 'last run', 'about'], ...rows])) say(line);
}

const verdictOf = ({ status, deviated, end }: Journal): string =>
  `${status === 'completed' ? (deviated ? 'MISSED' : 'kept') : status} ${end.slice(0, 10)}`;

/**
 * `reprise drill run`. Sets the exit code.
 * @throws IncidentError when there is no such drill
 */
export async function runDrills(
  names: readonly string[],
  flags: RunFlags,
  config: Config,
): Promise<void> {
  const chosen = namesOf(names, flags).map((name) => {
    const drill = drills.find((one) => one.name === name);
    if (drill === undefined)
      throw new IncidentError(`there is no drill ${name}: see reprise drill list`);
    return drill;
  });
  if (chosen.length === 0) {
    throw new IncidentError('give names of drills, or --short, or --real-store, or --all');
  }
  const files = filesOf(flags, config);
  const codes: number[] = [];
  for (const drill of chosen) {
    say(`${drill.name}: ${drill.about}`);
    const why = await drill.skip?.();
    if (why !== undefined) {
      say(`  SKIPPED: ${why}`);
      continue;
    }
    for (let round = 1; round <= flags.rounds; round += 1) {
      if (flags.rounds > 1) say(`  round ${round} of ${flags.rounds}`);
      codes.push(await codeOfOne(drill, files, flags));
    }
  }
  process.exitCode = codes.includes(1) ? 1 : Math.max(0, ...codes);
}

function namesOf(names: readonly string[], flags: RunFlags): readonly string[] {
  if (flags.all) return drills.map(({ name }) => name);
  if (flags.short) return shortDrills;
  return flags.realStore ? realStoreDrills : names;
}

/** A drill that cannot begin has failed. The later drills still run. */
async function codeOfOne(drill: Drill, files: IncidentFiles, flags: RunFlags): Promise<number> {
  try {
    return exitCodeOf(await runOne(drill, files, flags));
  } catch (error) {
    say(`  NOT RUN: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

function exitCodeOf({ reprise: { missed } }: Journal): 0 | 1 | 3 {
  if (missed.length === 0) return 0;
  return missed.every(({ kind }) => kind === 'time') ? 3 : 1;
}

/** Runs on its own servers, and removes their data afterwards. */
async function runOne(drill: Drill, files: IncidentFiles, flags: RunFlags): Promise<Journal> {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-drill-'));
  // The same program in the same form: from its sources, or built.
  const bin = process.argv[1] ?? '';
  const redis = drill.needsRedis ? await startRedisServer() : undefined;
  let site: Site | undefined;
  let alarm: DrillAlarm | undefined;
  try {
    const ofRedis = redis === undefined ? {} : { redis };
    const options = withNodeOptions(drill.site, flags.nodeOptions);
    site = await Site.start(bin, directory, { ...options, ...ofRedis });
    const { buyers, timeZone } = flags;
    const dataDir = join(directory, 'alarm-of-the-drill');
    const targets = site.services.map(({ url, adminUrl }) => ({ url, adminUrl }));
    alarm = new DrillAlarm({ targets, dataDir, version });
    const outcome = await new DrillRun(drill, site, { version, buyers, say, alarm }).run();
    await alarm.stop();
    const paths = await recordDrill(drill, site, outcome, files, dataDir, timeZone);
    tell(outcome, paths);
    return outcome.journal;
  } finally {
    await alarm?.stop();
    await site?.stop();
    await redis?.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}

function withNodeOptions(site: SiteOptions, given = ''): SiteOptions {
  const { store } = site;
  if (typeof store !== 'object') return site;
  const args = [...(store.args ?? []), ...given.split(' ').filter(Boolean)];
  return { ...site, store: { ...store, args } };
}

function tell({ journal }: Outcome, paths: readonly string[]): void {
  const { measures, missed } = journal.reprise;
  const seconds = (value: number | null) => (value === null ? 'never' : `${value.toFixed(1)} s`);
  const codes = Object.entries(measures.failedByCode).map(([code, n]) => `${n}× ${code}`);
  const lost = measures.missing.length;
  const rows = [
    ['noticed after', seconds(measures.detectSeconds)],
    ...alarmRows(measures),
    ['buyers can pay again after', seconds(measures.recoverSeconds)],
    ['every service ready again after', seconds(measures.readySeconds)],
    ['proven again after', seconds(measures.verifiedSeconds)],
    ['longest without a purchase', seconds(measures.withoutPurchaseSeconds)],
    ['slowest answer', seconds(measures.slowestSeconds)],
    [
      'failed requests',
      `${measures.failed} of ${measures.requests}${codes.length > 0 ? `: ${codes.join(', ')}` : ''}`,
    ],
    [
      'acknowledged facts missing',
      `${lost} of ${measures.acknowledged}${lost > 0 ? `, ${measures.reconciled} of them listed by reconcile` : ''}`,
    ],
    ['violations', measures.violations === null ? 'not proven' : String(measures.violations)],
  ];
  for (const line of table(rows)) say(`  ${line}`);
  for (const { what } of missed) say(`  MISSED: ${what}`);
  const [first] = paths;
  say(`  ${missed.length === 0 ? 'kept' : 'not kept'}${first === undefined ? '' : `: ${first}`}`);
}

/** Each condition of the alarm's rules that was true, and its result. */
const alarmRows = ({ alarms }: Measures): string[][] =>
  alarms.length === 0
    ? [['alarm', 'no condition of a rule was true']]
    : alarms.map(({ rule, severity, trueSeconds, heldSeconds, waitSeconds, rangSeconds }) => [
        `alarm ${rule} (${severity})`,
        rangSeconds === null
          ? `did not fire: true from ${trueSeconds.toFixed(1)} s on for ${heldSeconds.toFixed(1)} s, but it waits ${waitSeconds} s`
          : `fired after ${rangSeconds.toFixed(1)} s`,
      ]);

/** `reprise drill report`. @throws IncidentError when there is none */
export async function showDrill(id: string, flags: ShowDrillFlags, config: Config): Promise<void> {
  const files = filesOf(flags, config);
  const found = await files.find(id);
  const text = await files.readText(found.id, `report.${flags.for}.${flags.lang}.md`);
  if (text === undefined)
    throw new IncidentError(`${found.id} has no report, because its run was interrupted`);
  process.stdout.write(text);
}

/** `reprise drill compare`. Sets exit code 1 when something is worse. @throws IncidentError */
export async function compareDrills(
  before: string,
  after: string,
  flags: CompareFlags,
  config: Config,
): Promise<void> {
  const files = filesOf(flags, config);
  const [a, b] = [await files.find(before), await files.find(after)];
  const changes = changesBetween(await journalOf(files, a.id), await journalOf(files, b.id));
  if (flags.json) say(JSON.stringify({ before: a.id, after: b.id, changes }, null, 2));
  else {
    const number = (value: number | null) => (value === null ? 'never' : value.toFixed(1));
    const rows = changes.map((one) => [
      ...[one.measure, number(one.before), number(one.after), one.isWorse ? 'WORSE' : ''],
    ]);
    for (const line of table([['measure', a.id, b.id, ''], ...rows])) say(line);
  }
  if (changes.some(({ isWorse }) => isWorse)) process.exitCode = 1;
}

async function journalOf(files: IncidentFiles, id: string): Promise<Journal> {
  const text = await readFile(files.placeOf(id, journalName), 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new IncidentError(`${id} has no ${journalName}, so it is not a drill`);
  return journalSchema.parse(JSON.parse(text));
}
