import type { JournalLine } from '../alarm/journal.ts';
import type { Facts } from './facts.ts';

type Alarms = NonNullable<Facts['alarms']>;

/**
 * The alarms that fired in a span of time, in their order.
 * @returns null if no alarm was running then
 */
export function alarmsIn(
  journal: readonly JournalLine[],
  fromMs: number,
  untilMs: number,
): Facts['alarms'] {
  if (!journal.some(({ kind, at }) => kind !== 'stopped' && Date.parse(at) <= untilMs)) return null;
  const alarms: Alarms = [];
  const open = new Map<string, Alarms[number]>();
  for (const line of journal) {
    if (line.kind === 'resolved') {
      const alarm = open.get(line.fingerprint);
      if (alarm !== undefined) alarm.resolvedAt = line.at;
      open.delete(line.fingerprint);
    }
    if (line.kind !== 'firing' || line.severity === 'none' || open.has(line.fingerprint)) continue;
    const { alert: name, severity, at: firedAt, activeAt, summary } = line;
    const alarm = { name, severity, firedAt, activeAt, resolvedAt: null, summary };
    open.set(line.fingerprint, alarm);
    alarms.push(alarm);
  }
  return alarms.filter(
    ({ firedAt, resolvedAt }) =>
      Date.parse(firedAt) <= untilMs && (resolvedAt === null || Date.parse(resolvedAt) >= fromMs),
  );
}

/** Versions that were seen, and restarts, of all instances. */
export function versionsAndRestarts(
  journal: readonly JournalLine[],
): Pick<Facts, 'versions' | 'restarts'> {
  const versions = new Map<string, { version: string; from: string; until: string }>();
  const restarts: Facts['restarts'] = [];
  const wasUp = new Map<string, boolean>();
  for (const line of journal) {
    if (line.kind !== 'sample') continue;
    const { at, instance, up, version, restarts: again = 0 } = line;
    if (up && version !== undefined) {
      const seen = versions.get(version);
      versions.set(version, { version, from: seen?.from ?? at, until: at });
    }
    if (again > 0) restarts.push({ at, what: `${again} embedded server of ${instance}` });
    if (up && wasUp.get(instance) === false) restarts.push({ at, what: `${instance} is back` });
    wasUp.set(instance, up);
  }
  return { versions: [...versions.values()], restarts };
}
