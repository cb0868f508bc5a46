import type { Command } from 'commander';
import { type Config, readConfig } from '../config.ts';
import {
  behindEventsMax,
  behindInLog,
  type ProjectionOverview,
  projectionOverview,
  projectionState,
} from '../projections/engine/overview.ts';
import { projections } from '../projections/models/registry.ts';
import { type ParkedStreamRow, readParked } from '../projections/parking/parked-table.ts';
import { parkedLines } from './parked-lines.ts';
import { table } from './table.ts';
import { withServers } from './with-servers.ts';

interface ShowFlags {
  readonly json?: true;
}

/** `reprise projections`. */
export function defineProjectionsShow(command: Command): void {
  command
    .option('--json', 'print one JSON object: the projections, and each parked stream')
    .addHelpText(
      'after',
      `
For each projection, the command prints its version and its log position. It prints the number of
events that are not written yet, the age of the oldest of them, and the events written per second. It
also prints the time of the last rebuild, and the status:
  live          the tables have every event that is older than a second
  catching up   the tables are behind, and the service writes the rest
  stopped       the service has stopped writing. The last line names the event or the log; a newer
                version may be able to continue
  outdated      the tables are from another version. reprise serve of the newer version builds new
                tables; until then it keeps these
  not running   no service writes the tables

If this version cannot read an event, or PostgreSQL refuses its rows, the service parks the event and
the later events of its stream. Parked events are in no table. All other streams continue. The
command lists parked streams last, with the reason.

The service may be running or not. The command finds the servers as reprise rebuild does.

Examples:
  $ reprise projections
  $ reprise projections --json

Exit codes: 0 shown, 1 PostgreSQL did not answer.`,
    )
    .action((flags: ShowFlags) => showProjections(flags, readConfig(process.env)));
}

/** @throws Error with a message for people when PostgreSQL gives no answer, or there is none */
async function showProjections({ json }: ShowFlags, config: Config): Promise<void> {
  await withServers(config, { postgresMustExist: true }, async ({ eventStore, pool }) => {
    const overview = await projectionOverview(pool, projections, behindInLog(eventStore));
    const parked = await readParked(pool);
    if (json) return console.log(asJson(overview, parked));
    for (const line of asTable(overview)) console.log(line);
    if (parked.length === 0) return;
    for (const line of parkedLines(parked)) console.log(line);
    console.log(
      'if a version can read them, run reprise projections retry with it; otherwise: reprise help projections skip',
    );
  });
}

const asJson = (
  overview: readonly ProjectionOverview[],
  parked: readonly ParkedStreamRow[],
): string => JSON.stringify({ projections: overview.map(projectionState), parked }, decimal, 2);

/** Positions and revisions may pass 2^53. */
const decimal = (_name: string, value: unknown) =>
  typeof value === 'bigint' ? String(value) : value;

const heads = ['projection', 'version', 'position', 'behind', 'events/s', 'status', 'last rebuild'];

function asTable(overview: readonly ProjectionOverview[]): readonly string[] {
  const rows = overview.map((one) => [
    one.name,
    String(one.version ?? '-'),
    String(one.position ?? '-'),
    behind(one),
    String(one.eventsPerSecond),
    one.status,
    one.rebuiltAt?.toISOString() ?? 'never',
  ]);
  const errors = new Set(overview.flatMap(({ error }) => (error === null ? [] : [error])));
  return [...table([heads, ...rows]), ...errors];
}

function behind({ behindEvents, behindSeconds }: ProjectionOverview): string {
  if (behindEvents === null || behindSeconds === null) return 'the log does not answer';
  if (behindEvents === 0) return 'nothing';
  const count = behindEvents === behindEventsMax ? `${behindEvents} or more` : `${behindEvents}`;
  return `${count} events, ${behindSeconds.toFixed(1)} s`;
}
