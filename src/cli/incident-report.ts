import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { collectFacts, type FactSources } from '../incidents/collect.ts';
import { type Facts, factsSchema, spanOf } from '../incidents/facts.ts';
import {
  factsName,
  IncidentError,
  type IncidentFiles,
  postmortemName,
} from '../incidents/files.ts';
import type { Incident } from '../incidents/record.ts';
import type { Lang } from '../incidents/report/page.ts';
import { type Audience, allReports, reportText } from '../incidents/report/reports.ts';
import { replaceDurably } from '../support/durable-files.ts';
import { factSources, withLogPlace } from './incident-facts.ts';
import { filesOf } from './incident-record.ts';

/** As the command line has them. */
export interface ReportFlags {
  readonly dir?: string;
  readonly for?: Audience;
  readonly lang: Lang;
  readonly html?: true;
  readonly out?: string;
  readonly json?: true;
  readonly serviceLog?: string;
  readonly again?: true;
  readonly timeZone?: string;
}

/** The time zone of this machine. */
export const machineZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `reprise incident report`. @throws IncidentError */
export async function reportIncident(
  id: string,
  flags: ReportFlags,
  config: Config,
): Promise<void> {
  const files = filesOf(flags, config);
  const incident = await files.find(id);
  const facts = await factsFor(files, incident, flags, config);
  const timeZone = flags.timeZone ?? machineZone();
  if (flags.json) {
    console.log(JSON.stringify(facts, null, 2));
    return;
  }
  if (flags.for === undefined) {
    for (const path of await writeReports(files, incident, facts, timeZone)) console.log(path);
    return;
  }
  const options = { lang: flags.lang, timeZone, html: flags.html === true };
  const text = reportText(flags.for, incident, facts, options);
  if (flags.out === undefined) process.stdout.write(text);
  else await writeFile(flags.out, text, { mode: 0o600 });
}

/** Writes every report of an incident beside its record. @returns their paths */
export async function writeReports(
  files: IncidentFiles,
  incident: Incident,
  facts: Facts,
  timeZone: string,
): Promise<string[]> {
  const reports = allReports(incident, facts, { timeZone });
  for (const { name, text } of reports) {
    await replaceDurably(files.placeOf(incident.id, name), text);
  }
  return reports.map(({ name }) => files.placeOf(incident.id, name));
}

/**
 * `reprise incident postmortem`. Sets exit code 1 while a box in it is open.
 * @throws IncidentError
 */
export async function writePostmortem(
  id: string,
  flags: ReportFlags,
  config: Config,
): Promise<void> {
  const files = filesOf(flags, config);
  const incident = await files.find(id);
  if (incident.status !== 'resolved') {
    throw new IncidentError(`${incident.id} is ${incident.status}: close it first`);
  }
  const path = files.placeOf(incident.id, postmortemName);
  let text = await files.readText(incident.id, postmortemName);
  if (text === undefined) {
    const facts = await factsFor(files, incident, flags, config);
    const timeZone = flags.timeZone ?? machineZone();
    await writeReports(files, incident, facts, timeZone);
    text = reportText('engineers', incident, facts, { lang: flags.lang, timeZone, html: false });
    await replaceDurably(path, text);
  }
  await files.show(incident);
  const open = openQuestions(text);
  console.log(`${path}: ${open === 0 ? 'complete' : `${open} open questions`}`);
  if (open > 0) process.exitCode = 1;
}

const openQuestions = (text: string): number => text.match(/^- \[ \] /gm)?.length ?? 0;

/** The stored facts, or new ones, which are then stored. */
async function factsFor(
  files: IncidentFiles,
  incident: Incident,
  flags: ReportFlags,
  config: Config,
): Promise<Facts> {
  const kept = await keptFacts(files, incident.id);
  if (kept !== undefined && !flags.again && isFinal(kept, incident)) return kept;
  const { serviceLog } = flags;
  const facts = await withLogPlace(config, (place) =>
    collectFacts(
      incident,
      factSources(config, { place, ...(serviceLog === undefined ? {} : { serviceLog }) }),
    ),
  );
  return keepFacts(files, incident, facts);
}

/** Measures an incident and stores the facts. */
export async function measure(
  files: IncidentFiles,
  incident: Incident,
  sources: FactSources,
): Promise<Facts> {
  return keepFacts(files, incident, await collectFacts(incident, sources));
}

async function keepFacts(files: IncidentFiles, { id }: Incident, facts: Facts): Promise<Facts> {
  await replaceDurably(files.placeOf(id, factsName), `${JSON.stringify(facts, null, 2)}\n`);
  for (const { what, why } of facts.unknown) console.error(`not measured: ${what} (${why})`);
  return facts;
}

async function keptFacts(files: IncidentFiles, id: string): Promise<Facts | undefined> {
  const text = await files.readText(id, factsName);
  if (text === undefined) return undefined;
  const parsed = factsSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const path = join(files.placeOf(id), factsName);
  throw new IncidentError(`another version wrote ${path}: collect the facts again with --again`);
}

/**
 * True if the facts include the time after the incident, everything was measured, and nobody has
 * written a line since.
 */
function isFinal(facts: Facts, incident: Incident): boolean {
  const { lines, collectedAt, log, proof } = facts;
  if (lines.ended === null || log === null || proof === null) return false;
  const collectedMs = Date.parse(collectedAt);
  const { afterMs } = spanOf(Date.parse(lines.began), Date.parse(lines.ended), Infinity);
  return collectedMs >= afterMs && collectedMs >= incident.updatedMs;
}
