import { readAlarmJournal } from '../alarm/journal.ts';
import type { Drill } from '../drill/drill-form.ts';
import type { Outcome } from '../drill/run-drill.ts';
import type { Site } from '../drill/site.ts';
import type { Span } from '../incidents/facts.ts';
import type { IncidentFiles } from '../incidents/files.ts';
import type { Incident } from '../incidents/record.ts';
import { requestFacts } from '../incidents/request-facts.ts';
import { replaceDurably } from '../support/durable-files.ts';
import { logFacts, proofFacts } from './incident-facts.ts';
import { machineZone, measure, writeReports } from './incident-report.ts';

const by = 'drill';
const iso = (ms: number): string => new Date(ms).toISOString();

/**
 * Writes a drill as the record of an incident, with its facts, its reports and its journal. The
 * servers of the site still run.
 * @param alarmDir the directory of the alarm that watched it
 * @returns the paths of the written files
 */
export async function recordDrill(
  drill: Drill,
  site: Site,
  outcome: Outcome,
  files: IncidentFiles,
  alarmDir: string,
  timeZone = machineZone(),
): Promise<readonly string[]> {
  const incident = await record(drill, outcome, files);
  const journalPath = files.placeOf(incident.id, 'journal.json');
  await replaceDurably(journalPath, `${JSON.stringify(outcome.journal, null, 2)}\n`);
  if (outcome.faultMs === 0) return [journalPath];
  const facts = await measure(files, incident, sourcesOf(site, outcome, alarmDir));
  const paths = await writeReports(files, incident, facts, timeZone);
  return [files.placeOf(incident.id), journalPath, ...paths];
}

async function record(drill: Drill, outcome: Outcome, files: IncidentFiles): Promise<Incident> {
  const { journal, noticedMs, noticedBy, recoveredMs, verifiedMs } = outcome;
  const faultMs = outcome.faultMs || Date.parse(journal.start);
  const now = iso(Date.now());
  const line = (atMs: number) => ({ at: iso(atMs), written: now, by });
  const opened = await files.open({
    ...{ kind: 'opened', ...line(faultMs), title: drill.name, components: [], drill: true },
    from: iso(faultMs),
  });
  const note = (atMs: number, text: string, rest: object = {}) =>
    files.add(opened.id, { kind: 'note', ...line(atMs), text, ...rest });
  for (const { start, name, status } of journal.run) {
    await note(Date.parse(start), `${name}${status === 'failed' ? ': FAILED' : ''}`);
  }
  if (noticedMs !== undefined) {
    const text =
      noticedBy === '/readyz' ? 'the service is not ready' : `the alarm ${noticedBy} fired`;
    await note(noticedMs, text, { marks: 'noticed', by: noticedBy });
  }
  for (const one of journal.reprise.measures.alarms) {
    if (one.rangSeconds !== null) continue;
    const text = `the alarm ${one.rule} did not fire: its condition was true for ${one.heldSeconds.toFixed(1)} s, but the rule waits ${one.waitSeconds} s`;
    await note(faultMs + one.trueSeconds * 1_000, text);
  }
  if (recoveredMs !== undefined) {
    await note(recoveredMs, 'buyers can pay again', { marks: 'eased', status: 'monitoring' });
  }
  if (verifiedMs === undefined) return note(Date.now(), `the drill ${journal.status}`);
  return files.add(opened.id, {
    ...{ kind: 'closed', ...line(verifiedMs), cause: drill.about },
    fix: `By design: ${drill.expected}.`,
    ...{ publicEn: drill.public.en, publicKo: drill.public.ko },
  });
}

function sourcesOf(site: Site, outcome: Outcome, alarmDir: string) {
  const { faultMs, recoveredMs, loadMs, journal } = outcome;
  const [loadedMs, unloadedMs] = loadMs;
  const endedMs = recoveredMs ?? unloadedMs;
  const span: Span = {
    ...{ beforeMs: loadedMs, beganMs: faultMs, endedMs },
    afterMs: Math.max(endedMs, unloadedMs),
  };
  const { measures } = journal.reprise;
  return {
    span,
    journal: (fromMs: number, untilMs: number) => readAlarmJournal(alarmDir, { fromMs, untilMs }),
    requests: async () =>
      requestFacts(site.book.samples, span, {
        ...{ source: 'buyers', isAtLeast: false, slowestSeconds: measures.slowestSeconds },
        longestWithoutSuccess: measures.withoutPurchaseSeconds,
      } as const),
    log: async () => logFacts((await site.servers()).eventStoreUrl, span),
    proof: async () => proofFacts({ ...(await site.servers()), asOf: 'now' }),
    acknowledged: async () => ({ facts: measures.acknowledged, missing: measures.missing }),
    restarts: async () =>
      site.supervisors.flatMap(({ restarts }) => restarts.map(({ at, what }) => ({ at, what }))),
    versions: async () => {
      const { version } = journal.reprise;
      const iso = (ms: number) => new Date(ms).toISOString();
      return [{ version, from: iso(loadedMs), until: iso(span.afterMs) }];
    },
    now: () => Date.now(),
  };
}
