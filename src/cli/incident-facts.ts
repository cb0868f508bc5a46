import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { readAlarmJournal } from '../alarm/journal.ts';
import type { Config } from '../config.ts';
import { streamPrefixes } from '../events/streams.ts';
import { type ProblemCode, problemKind } from '../http/problems.ts';
import type { FactSources } from '../incidents/collect.ts';
import type { Facts, LogFacts, Span } from '../incidents/facts.ts';
import { LogFactsCollector } from '../incidents/log-facts.ts';
import { requestFacts, samplesOf } from '../incidents/request-facts.ts';
import { samplesOfServiceLog } from '../incidents/service-log.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { borrowEventStore, logMustExist } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { readToEnd } from '../support/read-to-end.ts';
import { type Verdict, verify } from '../verify/verify-log.ts';

/** An event store that does not answer within this time is down, in milliseconds. */
const answersMs = 5_000;
/** The longest reading of the whole log, in milliseconds. */
const readMsMax = 30 * 60_000;

/** The addresses of the log and the tables, during the collection of the facts. */
export interface LogPlace {
  readonly eventStoreUrl: string;
  readonly postgresUrl: string | undefined;
  /**
   * `log-end` for a log without a running service: the proof then uses the time of its newest
   * event.
   */
  readonly asOf: 'now' | 'log-end';
}

/** The sources of an incident's facts. */
export function factSources(
  config: Config,
  { place, serviceLog }: { readonly place: () => Promise<LogPlace>; readonly serviceLog?: string },
): FactSources {
  return {
    journal: (fromMs, untilMs) => readAlarmJournal(config.dataDir, { fromMs, untilMs }),
    async requests(span, journal) {
      if (serviceLog === undefined) {
        const samples = samplesOf(journal, isFailure);
        return requestFacts(samples, span, { source: 'alarm', isAtLeast: false });
      }
      const lines = createInterface({ input: createReadStream(serviceLog, 'utf8') });
      const samples = await samplesOfServiceLog(lines);
      return requestFacts(samples, span, { source: 'service-log', isAtLeast: true });
    },
    log: async (span) => logFacts((await place()).eventStoreUrl, span),
    proof: async () => proofFacts(await place()),
    now: () => Date.now(),
  };
}

/** Is a problem a failure of the service? Other codes are correct refusals. */
const isFailure = (code: string): boolean =>
  (problemKind(code as ProblemCode)?.status ?? 500) >= 500;

/** Reads the whole log. @throws Error with a message for people when it does not answer */
export async function logFacts(eventStoreUrl: string, span: Span): Promise<LogFacts> {
  const store = connectEventStore(eventStoreUrl);
  try {
    if (!(await store.reachable(answersMs))) throw new Error('the event store does not answer');
    const facts = new LogFactsCollector(span);
    const { signal } = new AbortController();
    const place = { after: null, prefixes: [...streamPrefixes], signal };
    await readToEnd(store, place, readMsMax, (message) => {
      if (message.kind === 'event') facts.see(message.event);
      return undefined;
    });
    return facts.conclude();
  } finally {
    await store.close();
  }
}

/** Runs the independent proof. @throws Error when the log or the tables cannot be read */
export async function proofFacts(place: LogPlace): Promise<Facts['proof']> {
  const store = connectEventStore(place.eventStoreUrl);
  const answers = await store.reachable(answersMs).finally(() => store.close());
  if (!answers) throw new Error('the event store does not answer');
  return asProof(await verify({ ...place, listedMax: 0 }));
}

function asProof({ log, rows, violations }: Verdict): Facts['proof'] {
  const { byCode } = violations;
  return {
    at: new Date().toISOString(),
    ...{ events: log.events, seatsSold: log.sold, payments: log.payments },
    violations: violations.total,
    byCode: { ...byCode },
    doubleSales: (byCode['double-sale'] ?? 0) + (byCode['double-reservation'] ?? 0),
    rowsCompared: rows !== undefined,
  };
}

/**
 * Runs work that needs the log, and afterwards stops the servers that were started for it. It uses
 * the running service's servers, or those of the settings, or else an embedded one on DATA_DIR. It
 * connects only when the work needs them.
 */
export async function withLogPlace<T>(
  config: Config,
  work: (place: () => Promise<LogPlace>) => Promise<T>,
): Promise<T> {
  let borrowed: ReturnType<typeof borrow> | undefined;
  try {
    return await work(async () => {
      borrowed ??= borrow(config);
      return (await borrowed).place;
    });
  } finally {
    await borrowed?.then(({ stop }) => stop()).catch(() => {});
  }
}

async function borrow(config: Config) {
  await logMustExist(config);
  const service = findService(config.dataDir);
  const isWorkedOn = config.eventStoreUrl !== undefined || service !== undefined;
  const { url: eventStoreUrl, stop } = await borrowEventStore(config);
  const postgresUrl = config.postgresUrl ?? service?.postgresUrl;
  const asOf = isWorkedOn ? 'now' : 'log-end';
  return { place: { eventStoreUrl, postgresUrl, asOf } satisfies LogPlace, stop };
}
