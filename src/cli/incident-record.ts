import type { Config } from '../config.ts';
import { IncidentError, IncidentFiles, incidentsDirectory } from '../incidents/files.ts';
import type { Incident, TimelineLine } from '../incidents/record.ts';
import { jargonIn } from '../incidents/report/jargon.ts';
import { table } from './table.ts';

type LineOf<Kind extends TimelineLine['kind']> = Extract<TimelineLine, { kind: Kind }>;

/** As the command line has them. Times are milliseconds since the epoch. */
export interface OpenFlags extends Pick<LineOf<'opened'>, 'severity' | 'impact' | 'by'> {
  readonly dir?: string;
  readonly component: readonly string[];
  readonly from?: number;
}

interface PublicFlags {
  readonly dir?: string;
  readonly public?: string;
  readonly publicKo?: string;
  readonly by?: string;
}

export interface NoteFlags
  extends PublicFlags,
    Pick<LineOf<'note'>, 'status' | 'severity' | 'impact' | 'marks'> {
  readonly at?: number;
}

export interface ActionFlags extends PublicFlags, Pick<LineOf<'action'>, 'owner' | 'due'> {
  readonly kind: LineOf<'action'>['type'];
}

export interface CloseFlags extends PublicFlags, Pick<LineOf<'closed'>, 'cause' | 'fix'> {
  readonly at?: number;
}

export const filesOf = ({ dir }: { readonly dir?: string }, config: Config): IncidentFiles =>
  new IncidentFiles(dir ?? incidentsDirectory(config.dataDir));

const say = (line: string) => console.log(line);
const iso = (ms: number): string => new Date(ms).toISOString();

/** The time that the line is about, and the time of writing. */
const times = (atMs = Date.now()) => ({ at: iso(atMs), written: iso(Date.now()) });

/** `reprise incident open`. @throws IncidentError */
export async function openIncident(title: string, flags: OpenFlags, config: Config): Promise<void> {
  const files = filesOf(flags, config);
  const { severity, impact, by, component, from } = flags;
  if (from !== undefined && from > Date.now()) throw new IncidentError('--from is in the future');
  const incident = await files.open({
    ...{ kind: 'opened', ...times(), title, severity, impact, by, components: [...component] },
    from: from === undefined ? undefined : iso(from),
    drill: false,
  });
  say(incident.id);
  say(`  ${files.placeOf(incident.id)}`);
}

/** `reprise incident note`. @throws IncidentError */
export async function noteIncident(
  id: string,
  text: string,
  flags: NoteFlags,
  config: Config,
): Promise<void> {
  const files = filesOf(flags, config);
  const incident = await files.find(id);
  const { status, severity, impact, marks, by } = flags;
  const publicTexts = publicOf(flags, incident);
  const note = {
    kind: 'note',
    ...times(flags.at),
    text,
    status,
    severity,
    impact,
    marks,
    by,
  } as const;
  saved(await files.add(incident.id, { ...note, ...publicTexts }));
}

/** `reprise incident action`. @throws IncidentError */
export async function addAction(
  id: string,
  text: string,
  flags: ActionFlags,
  config: Config,
): Promise<void> {
  const files = filesOf(flags, config);
  const incident = await files.find(id);
  const { owner, due, kind: type, by } = flags;
  const publicTexts = publicOf(flags, incident, [owner]);
  const action = { kind: 'action', ...times(), text, owner, due, type, by } as const;
  saved(await files.add(incident.id, { ...action, ...publicTexts }));
}

/** `reprise incident close`. @throws IncidentError */
export async function closeIncident(id: string, flags: CloseFlags, config: Config): Promise<void> {
  const files = filesOf(flags, config);
  const incident = await files.find(id);
  if (incident.status === 'resolved') {
    throw new IncidentError(
      `${incident.id} is already closed: a note with --status opens it again`,
    );
  }
  const beganMs = incident.marks.began ?? incident.openedMs;
  if (flags.at !== undefined && flags.at < beganMs) {
    throw new IncidentError(
      `the incident began at ${iso(beganMs)}: it cannot end before this time`,
    );
  }
  const { cause, fix, by } = flags;
  const publicTexts = publicOf(flags, incident);
  saved(
    await files.add(incident.id, {
      ...{ kind: 'closed', ...times(flags.at), cause, fix, by, ...publicTexts },
    }),
  );
  say(`next: reprise incident report ${incident.id}`);
}

const saved = ({ id, status }: Incident): void => say(`${id}: ${status}`);

/**
 * A text for everybody.
 * @throws IncidentError if it has a forbidden word, an id or a name
 */
function publicOf(
  { public: publicEn, publicKo }: PublicFlags,
  incident: Incident,
  owners: readonly string[] = [],
) {
  const names = [...owners, ...namesIn(incident)];
  for (const text of [publicEn, publicKo]) {
    const [first] = text === undefined ? [] : jargonIn(text, names);
    if (first === undefined) continue;
    throw new IncidentError(
      `the text for everybody has “${first.found}”: write ${first.say} instead. Nothing was written.`,
    );
  }
  return { publicEn, publicKo };
}

/** The roles in an incident. They may be names if somebody wrote a name. */
export const namesIn = (incident: Incident): string[] => [
  ...new Set([
    ...incident.lines.flatMap(({ by }) => by ?? []),
    ...incident.actions.map(({ owner }) => owner),
  ]),
];

interface ShowFlags {
  readonly dir?: string;
  readonly json?: true;
}

/** `reprise incident list`. */
export async function listIncidents(flags: ShowFlags, config: Config): Promise<void> {
  const files = filesOf(flags, config);
  const all = await files.list();
  if (flags.json) {
    const incidents = all.map((one) => ({
      ...{ id: one.id, title: one.title, status: one.status, drill: one.isDrill },
      opened: iso(one.openedMs),
    }));
    say(JSON.stringify({ incidents }, null, 2));
  } else if (all.length === 0) say(`no incident in ${files.directory}`);
  else {
    const rows = all.map((one) => [
      ...[iso(one.openedMs), one.status, one.severity ?? '–', one.id],
      `${one.isDrill ? 'drill: ' : ''}${one.title}`,
    ]);
    for (const line of table(rows)) say(line);
  }
}

/** `reprise incident show`. @throws IncidentError */
export async function showIncident(id: string, flags: ShowFlags, config: Config): Promise<void> {
  const files = filesOf(flags, config);
  const incident = await files.find(id);
  if (flags.json) {
    await files.show(incident);
    say((await files.readText(incident.id, 'incident.json')) ?? '');
    return;
  }
  say(`${incident.id}: ${incident.title}`);
  say(`  ${incident.status}; ${files.placeOf(incident.id)}`);
  const rows = incident.lines.map((line) => [iso(Date.parse(line.at)), line.by ?? '', words(line)]);
  for (const line of table(rows)) say(line);
}

function words(line: TimelineLine): string {
  switch (line.kind) {
    case 'opened':
      return `opened: ${line.title}`;
    case 'note':
      return `${line.status === undefined ? '' : `[${line.status}] `}${line.text}`;
    case 'action':
      return `action (${line.type}, ${line.owner}, due ${line.due}): ${line.text}`;
    case 'closed':
      return `closed${line.cause === undefined ? '' : `; cause: ${line.cause}`}${line.fix === undefined ? '' : `; fix: ${line.fix}`}`;
  }
}
