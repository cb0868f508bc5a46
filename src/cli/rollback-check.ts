import type { Config } from '../config.ts';
import { ownPrefixes } from '../events/streams.ts';
import { connectPostgres } from '../infrastructure/postgres.ts';
import { connectRawLog } from '../infrastructure/raw-log.ts';
import { type Contract, readContract } from '../releases/contract.ts';
import { isRestore, type NewerEvents, newerEventsIn } from '../releases/newer-events.ts';
import { bringBack, planTables, type TablesPlan } from '../releases/tables.ts';
import { borrowServers } from '../servers/servers.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { checkLater } from './check-options.ts';

/** Longest wait for a lock that a running service has for a moment, in milliseconds. */
const statementTimeoutMs = 60_000;

type Verdict = 'safe' | 'safe-with-rebuild' | 'not-safe';
const exitCodes: Readonly<Record<Verdict, number>> = {
  safe: 0,
  'safe-with-rebuild': 1,
  'not-safe': 2,
};

interface Findings {
  readonly verdict: Verdict;
  /** They stop it. */
  readonly unreadable: readonly NewerEvents[];
  /** It ignores them. */
  readonly ignored: readonly NewerEvents[];
  readonly tables: TablesPlan;
}

/** `reprise rollback check`. Sets the exit code; 3 when it could not be checked. */
export async function checkRollback(
  name: string,
  { json }: { readonly json?: true },
  config: Config,
): Promise<void> {
  try {
    const target = await readContract(name);
    const findings = await find(target, config, json === true);
    console.log(json ? toJson(target, findings) : describe(target, findings));
    process.exitCode = exitCodes[findings.verdict];
  } catch (error) {
    console.error(`reprise: could not check the rollback: ${(error as Error).message}`);
    process.exitCode = 3;
  }
}

/** The next steps, after the check has said that the rollback is safe. */
export const rollbackSteps = (name: string): string => `
Next, with this version:
  1. stop every instance     docker compose stop reprise | kubectl scale deployment/reprise --replicas=0 | systemctl stop
  2. reprise backup create
  3. reprise rollback tables ${name}
Then with the older version:
  4. start it                REPRISE_IMAGE=… docker compose up --no-build reprise | kubectl rollout undo deployment/reprise
  5. reprise check           or reprise verify, if it has no check`;

/** `reprise rollback tables`. @throws Error with a message for people */
export async function rollbackTables(
  name: string,
  { force }: { readonly force?: true },
  config: Config,
): Promise<void> {
  const target = await readContract(name);
  const findings = await find(target, config, false);
  if (findings.verdict === 'not-safe' && !force) {
    throw new Error(`${describe(target, findings)}\nNothing was changed.`);
  }
  const plan = await withTables(config, (client) => bringBack(client, target));
  console.log(
    {
      none: `the tables already belong to ${target.version}`,
      swap:
        `the tables of ${target.version} are back: ${plan.differ.join(', ')}. Start ${target.version}: ` +
        (plan.catchesUp ? 'it catches up with the log.' : 'it builds them again from the log.'),
      drop: `all tables are dropped. Start ${target.version}: it builds them from the log.`,
    }[plan.way],
  );
  const next = `start ${target.version}, then type its reprise check, or its reprise verify if it has no check`;
  console.log(checkLater('no service runs', next));
}

type Client = Parameters<typeof bringBack>[0];

/** One connection to the tables, of the configured PostgreSQL or the embedded one. */
async function withTables<T>(config: Config, work: (client: Client) => Promise<T>): Promise<T> {
  const servers = await borrowServers(config);
  const postgres = connectPostgres(servers.postgresUrl, { connectionsMax: 1, statementTimeoutMs });
  try {
    const client = await postgres.pool.connect();
    return await work(client).finally(() => client.release(true));
  } finally {
    await postgres.close();
    await servers.stop();
  }
}

async function find(target: Contract, config: Config, isSilent: boolean): Promise<Findings> {
  const servers = await borrowServers(config);
  const log = connectRawLog(servers.eventStoreUrl);
  const postgres = connectPostgres(servers.postgresUrl, { connectionsMax: 1, statementTimeoutMs });
  const meter = new ProgressMeter({ output: process.stderr, isSilent });
  try {
    const newer = await newerEventsIn(log, target, {
      prefixes: ownPrefixes,
      onProgress: (done) => meter.show({ doing: 'reading the log', done, unit: 'events' }),
    });
    meter.clear();
    const client = await postgres.pool.connect();
    const tables = await planTables(client, target).finally(() => client.release(true));
    const unreadable = newer.filter((one) => one.isRead || isRestore(one));
    const ignored = newer.filter((one) => !unreadable.includes(one));
    const isReady = tables.way === 'none' || (tables.way === 'swap' && tables.catchesUp);
    const readable: Verdict = isReady ? 'safe' : 'safe-with-rebuild';
    return { verdict: unreadable.length > 0 ? 'not-safe' : readable, unreadable, ignored, tables };
  } finally {
    meter.clear();
    log.close();
    await postgres.close();
    await servers.stop();
  }
}

function describe(
  { version }: Contract,
  { verdict, unreadable, ignored, tables }: Findings,
): string {
  const line = (one: NewerEvents) =>
    `${one.events} ${one.type} of version ${one.schemaVersion}, from position ${one.firstPosition}, on ${[...one.streams].join(', ')}`;
  const words: Readonly<Record<Verdict, string>> = {
    safe: `SAFE: ${version} can serve this log and these tables`,
    'safe-with-rebuild': `SAFE WITH A REBUILD: ${version} sells at once; its lists are 503 until it has built them`,
    'not-safe': `NOT SAFE: ${version} cannot read some events in the log`,
  };
  return [
    words[verdict],
    ...unreadable.map((one) =>
      isRestore(one)
        ? `  ${line(one)}: ${version} would not know that the log was restored, and would sell at once`
        : `  ${line(one)}: ${version} parks them, and refuses commands on these streams (event-unreadable)`,
    ),
    ...ignored.map((one) => `  ${line(one)}: ${version} ignores them`),
    ...tablesLines(version, tables),
    ...(verdict === 'not-safe'
      ? ['Roll forward: release the older code with a higher version that reads these events.']
      : []),
  ].join('\n');
}

function tablesLines(version: string, { way, differ, newerMigrations }: TablesPlan): string[] {
  const names = differ.join(', ');
  if (way === 'none') return ['  tables: they already belong to that version'];
  if (way === 'swap') {
    return [`  tables: reprise rollback tables ${version} brings back the old tables: ${names}`];
  }
  const why =
    newerMigrations.length > 0
      ? `${version} does not know the migrations ${newerMigrations.join(', ')}`
      : `the old tables of ${names} are gone`;
  return [
    `  tables: ${why}. reprise rollback tables ${version} drops all tables, and ${version} builds them again`,
  ];
}

function toJson(target: Contract, { verdict, unreadable, ignored, tables }: Findings): string {
  const plain = (one: NewerEvents) => ({
    ...one,
    streams: [...one.streams],
    firstPosition: String(one.firstPosition),
  });
  return JSON.stringify(
    {
      ...{ version: target.version, verdict },
      unreadable: unreadable.map(plain),
      ignored: ignored.map(plain),
      tables,
    },
    null,
    2,
  );
}
