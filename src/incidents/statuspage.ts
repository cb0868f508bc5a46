import type { Impact, Incident, Severity } from './record.ts';

/** The effect of each severity on buyers, with the names that Statuspage uses. */
export const impactOf: Readonly<Record<Severity, Impact>> = {
  SEV1: 'critical',
  SEV2: 'major',
  SEV3: 'minor',
  SEV4: 'none',
};

const iso = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

/**
 * The incident with the names of Statuspage's API, which accepts this object without changes.
 * Fields that Statuspage does not know are below `reprise`.
 */
export function asStatuspage(incident: Incident, postmortem: string | undefined) {
  const { id, title, severity, lines, notes, closed, openedMs } = incident;
  const updates = lines.flatMap((line, at) => {
    if (line.kind === 'action') return [];
    const status =
      line.kind === 'closed' ? 'resolved' : line.kind === 'opened' ? 'investigating' : line.status;
    const body = line.kind === 'opened' ? line.title : bodyOf(line);
    return [
      {
        id: `${id}-${at + 1}`,
        status: status ?? null,
        body,
        created_at: line.written,
        display_at: line.at,
      },
    ];
  });
  const monitoring = notes.find(({ status }) => status === 'monitoring');
  return {
    ...{ id, name: title },
    status: postmortem === undefined ? incident.status : 'postmortem',
    impact: incident.impact ?? (severity === undefined ? 'none' : impactOf[severity]),
    created_at: iso(openedMs),
    updated_at: iso(incident.updatedMs),
    started_at: iso(incident.marks.began ?? openedMs),
    monitoring_at: monitoring?.at ?? null,
    resolved_at: incident.status === 'resolved' ? (closed?.at ?? null) : null,
    components: incident.components.map((name) => ({ name })),
    incident_updates: updates.reverse(),
    postmortem_body: postmortem ?? null,
    reprise: {
      drill: incident.isDrill,
      severity: severity ?? null,
      cause: closed?.cause ?? null,
      fix: closed?.fix ?? null,
      actions: incident.actions.map(({ text, owner, due, type }) => ({ text, owner, due, type })),
    },
  };
}

function bodyOf(line: Incident['notes'][number] | NonNullable<Incident['closed']>): string {
  const text = line.kind === 'note' ? line.text : (line.fix ?? line.cause ?? 'resolved');
  return line.publicEn ?? text;
}
