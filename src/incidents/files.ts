import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { appendLineDurably, replaceDurably, syncDirectory } from '../support/durable-files.ts';
import { type Incident, incidentOf, parseTimeline, type TimelineLine } from './record.ts';
import { asStatuspage } from './statuspage.ts';

/**
 * Incidents as plain files, one directory each. People can write and read them while everything
 * else is down. `timeline.jsonl` is the record. `incident.json` shows it with Statuspage's names,
 * and is written again after each line.
 */

const timelineName = 'timeline.jsonl';
const shownName = 'incident.json';
export const factsName = 'facts.json';
export const postmortemName = 'postmortem.md';

/** Incidents of one day with the same title. */
const sameNameMax = 1_000;
/** Characters of a title in the name of its directory. */
const slugMax = 48;

/** An action is impossible. The message says what is possible. */
export class IncidentError extends Error {}

export const incidentsDirectory = (dataDir: string): string => join(dataDir, 'incidents');

/** The incidents below one directory. */
export class IncidentFiles {
  readonly directory: string;

  /** @param directory is made with the first incident */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** Where the files of an incident are. */
  placeOf(id: string, name = ''): string {
    return join(this.directory, id, name);
  }

  /** @throws IncidentError when the directory cannot be written */
  async open(line: Extract<TimelineLine, { kind: 'opened' }>): Promise<Incident> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      const id = await this.#newDirectory(`${line.at.slice(0, 10)}-${slugOf(line.title)}`);
      await syncDirectory(this.directory);
      return await this.add(id, line);
    } catch (error) {
      if (error instanceof IncidentError) throw error;
      throw new IncidentError(
        `${this.directory} cannot be written (${(error as Error).message}): set another directory with --dir`,
      );
    }
  }

  async #newDirectory(name: string): Promise<string> {
    for (let n = 1; n <= sameNameMax; n += 1) {
      const id = n === 1 ? name : `${name}-${n}`;
      const isNew = await mkdir(this.placeOf(id), { mode: 0o700 }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error;
          return false;
        },
      );
      if (isNew) return id;
    }
    throw new IncidentError(`there are ${sameNameMax} incidents named ${name}: use another title`);
  }

  /** Adds a line to the record. It is on the disk when this resolves. */
  async add(id: string, line: TimelineLine): Promise<Incident> {
    await appendLineDurably(this.placeOf(id, timelineName), JSON.stringify(line));
    const incident = await this.#read(id);
    if (incident === undefined) throw new IncidentError(`${id} has no line that opens it`);
    await this.show(incident);
    return incident;
  }

  /** Writes `incident.json`. */
  async show(incident: Incident): Promise<void> {
    const postmortem = await this.readText(incident.id, postmortemName);
    const isComplete = postmortem !== undefined && !/^- \[ \] /m.test(postmortem);
    const shown = asStatuspage(incident, isComplete ? postmortem : undefined);
    await replaceDurably(
      this.placeOf(incident.id, shownName),
      `${JSON.stringify(shown, null, 2)}\n`,
    );
  }

  /** All of them, the newest first. */
  async list(): Promise<Incident[]> {
    const names = await readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const all = await Promise.all(names.map((name) => this.#read(name)));
    return all
      .filter((one) => one !== undefined)
      .sort((a, b) => b.openedMs - a.openedMs || (a.id < b.id ? 1 : -1));
  }

  /**
   * @param name its id, a part of the id that no other has, or `latest`
   * @throws IncidentError when there is none, or several
   */
  async find(name: string): Promise<Incident> {
    const all = await this.list();
    const [latest] = all;
    if (latest === undefined) throw new IncidentError(`there is no incident in ${this.directory}`);
    if (name === 'latest') return latest;
    const exact = all.find(({ id }) => id === name);
    if (exact !== undefined) return exact;
    const found = all.filter(({ id }) => id.includes(name));
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    const known = (found.length > 1 ? found : all).slice(0, 5).map(({ id }) => id);
    throw new IncidentError(
      `${found.length > 1 ? 'several incidents are' : 'no incident is'} named ${name}: ${known.join(', ')}`,
    );
  }

  /** @returns undefined when there is no such file */
  async readText(id: string, name: string): Promise<string | undefined> {
    return readFile(this.placeOf(id, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
  }

  async #read(id: string): Promise<Incident | undefined> {
    const content = await this.readText(id, timelineName);
    return content === undefined ? undefined : incidentOf(id, parseTimeline(content));
  }
}

/** A title as a part of a file's name. */
function slugOf(title: string): string {
  const slug = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, slugMax)
    .replace(/^-+|-+$/g, '');
  return slug || 'incident';
}
