import type { Command } from 'commander';
import type { Target } from '../alarm/poll.ts';
import { checkConcert } from '../check/concert.ts';
import { type Check, exitCodeOf } from '../check/judge.ts';
import { recoveryCheck } from '../check/recovery-check.ts';
import { Catalog } from '../commands/concert/catalog.ts';
import { importCatalog } from '../commands/concert/import-catalog.ts';
import { type Config, readConfig } from '../config.ts';
import { findService, type Listens } from '../servers/service-file.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { type ServiceFlags, serviceUrl } from './check-options.ts';
import { proveLog } from './prove-log.ts';
import { table } from './table.ts';
import { version } from './version.ts';
import { withLog } from './with-servers.ts';

interface CheckFlags extends ServiceFlags {
  /** `--no-proof` makes it false. */
  readonly proof: boolean;
  readonly whole?: true;
  readonly json?: true;
}

/** `reprise check`. */
export function defineCheck(check: Command): void {
  check
    .option(
      '--url <url>',
      'the API; default: the service that runs on DATA_DIR, or PORT',
      serviceUrl,
    )
    .option(
      '--admin <url>',
      'its admin listener; default: that of this service, or the port after the port of the API',
      serviceUrl,
    )
    .option('--whole', 'prove the whole log, not only the events since the last proof')
    .option('--no-proof', 'do not prove the log')
    .option('--json', 'print one JSON object')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText(
      'after',
      `
Run this command after a restart, a restore, a rollback or a repair, once for each instance. reprise restore open and
reprise incident close end with it, if a service runs on DATA_DIR. It checks

  alive      /livez of the API answers 200
  ready      /readyz of the admin listener answers 200, and each dependency is up
  read side  lists are less than 1 s behind, and no event is parked
  holds      no seat stays held for more than 5 s after its time
  payments   no money is held for more than 10 s
  queue      the queue admits buyers; skipped while an operator has paused it
  journey    a buyer can enter the queue, list seats, reserve, cancel, and the seat is free again
  proof      the log proves that no seat was sold twice and no money is wrong or lost

If a check fails, the command repeats it for up to 10 s. A restarted service needs some seconds to finish interrupted work.

The journey uses its own concert, reprise-check. No list shows this concert. It has its own room, so the journey does not
wait behind buyers, and works while the line of the shop is paused. The journey takes no seat of a buyer and pays nothing.
Afterwards it holds no seat. The first check puts this concert on sale. While the sale is closed after a restore, the
command skips the journey.

The proof needs DATA_DIR of the running service, or EVENTSTORE_URL. The first proof is that of reprise verify --log-only, and
takes longer when the log is longer. It keeps its position in DATA_DIR/status/proof.json. A later check proves the events
since then, with the moves of the waiting queue, and the work that was unfinished. After a restore, or after a change
of a concert, these events are not enough: then the check proves the whole log. --whole always proves the whole log. If you
are in a hurry, use --no-proof, and run reprise verify afterwards.

Each line is ok, failed, skipped (with the reason) or unknown (the command could not check it).
Exit codes: 0 all checks are ok, 1 a check failed, 2 no check failed, but one is unknown.

Examples:
  $ reprise check
  $ reprise check --url http://10.0.0.7:3000 --admin http://10.0.0.7:3001 --no-proof
  $ reprise check --json | jq '.checks[] | select(.outcome != "ok")'
  $ until reprise check --no-proof; do sleep 2; done`,
    )
    .action((flags: CheckFlags) => runCheck(flags));
}

/** Prints the table, and sets the exit code. @param saleIsOpen a journey must be possible now */
export async function runCheck(
  flags: CheckFlags,
  { saleIsOpen = false }: { readonly saleIsOpen?: boolean } = {},
): Promise<void> {
  const meter = new ProgressMeter({ output: process.stderr, isSilent: flags.json === true });
  try {
    const config = readConfig(process.env);
    const target = targetOf(flags, config);
    const checks = await recoveryCheck({
      ...{ target, saleIsOpen },
      register: (currency) => putOnSale(config, currency),
      prove: flags.proof ? () => prove(config, flags.whole === true, meter) : undefined,
    });
    meter.clear();
    const exitCode = exitCodeOf(checks);
    const at = new Date().toISOString();
    const json = { ...{ at, version, ...target }, ok: exitCode === 0, exitCode, checks };
    console.log(flags.json ? JSON.stringify(json, null, 2) : inWords(target, checks));
    process.exitCode = exitCode;
  } catch (error) {
    meter.clear();
    console.error(`reprise: could not check the service: ${(error as Error).message}`);
    process.exitCode = 2;
  }
}

function targetOf(flags: ServiceFlags, config: Config): Target {
  const running = flags.url === undefined ? listening(config) : undefined;
  const url = flags.url ?? running?.apiUrl ?? `http://127.0.0.1:${config.port}`;
  const api = new URL(url);
  const given = typeof config.adminPort === 'number' && flags.url === undefined;
  const next = Number(api.port || (api.protocol === 'https:' ? 443 : 80)) + 1;
  const port = given ? config.adminPort : next;
  const adminUrl = flags.admin ?? running?.adminUrl ?? `http://${api.hostname}:${port}`;
  return { url, adminUrl };
}

/** The service that runs on DATA_DIR, once it listens. */
export function listening({ dataDir }: Config): Partial<Listens> | undefined {
  try {
    const running = findService(dataDir);
    return running?.apiUrl === undefined ? undefined : running;
  } catch {
    // It starts or stops.
    return undefined;
  }
}

function inWords(target: Target, checks: readonly Check[]): string {
  const rows = checks.map(({ name, outcome, detail }) => [
    name,
    outcome === 'failed' ? 'FAILED' : outcome,
    detail,
  ]);
  const count = (outcome: Check['outcome']) =>
    checks.filter((check) => check.outcome === outcome).length;
  const left = count('skipped') === 0 ? '' : `; ${count('skipped')} skipped`;
  const verdicts = {
    0: `RECOVERED: all checks are ok${left}`,
    1: `NOT RECOVERED: ${count('failed')} failed${left}; docs/operations.md says what to do`,
    2: `NOT KNOWN: nothing failed, ${count('unknown')} could not be checked${left}`,
  };
  return [`${target.url}`, ...table(rows), verdicts[exitCodeOf(checks)]].join('\n');
}

/**
 * A check starts no server. It checks a running service.
 * @throws Error with a message for people
 */
function logMustRun(config: Config): void {
  if (config.eventStoreUrl !== undefined || findService(config.dataDir) !== undefined) return;
  throw new Error(
    `no service runs on ${config.dataDir}: set DATA_DIR or EVENTSTORE_URL to the value of the service`,
  );
}

/** @throws Error with a message for people */
async function putOnSale(config: Config, currency: string): Promise<void> {
  logMustRun(config);
  await withLog(config, async (store) => {
    // The log has the owners of the ids. The command needs no other part of the catalog.
    const parts = { store, catalog: new Catalog(), currency };
    for await (const { what, outcome } of importCatalog([checkConcert], parts)) {
      if (typeof outcome === 'object') throw new Error(`${what}: ${outcome.detail}`);
    }
  });
}

async function prove(config: Config, isWhole: boolean, meter: ProgressMeter): Promise<Check> {
  try {
    logMustRun(config);
  } catch (error) {
    return { name: 'proof', outcome: 'unknown', detail: (error as Error).message };
  }
  return proveLog(config, { isWhole, meter });
}
