import { randomUUID } from 'node:crypto';
import { loadSegment } from '../backup/archive.ts';
import { findArchive } from '../backup/archives.ts';
import { checkArchive } from '../backup/check.ts';
import { timeOf } from '../backup/event-line.ts';
import { isOfOtherLog } from '../backup/restorable.ts';
import { RestoreError, restoreEvents } from '../backup/restore-events.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import type { Config } from '../config.ts';
import type { DomainEvent } from '../events/events.ts';
import { type RestoredLog, readRestored } from '../events/restored.ts';
import { archivedPrefixes, restoredStream } from '../events/streams.ts';
import { versionOf } from '../events/upcasters.ts';
import { connectEventStore } from '../infrastructure/eventstoredb.ts';
import { connectRawLog, type RawEvent, type RawLog } from '../infrastructure/raw-log.ts';
import { borrowEventStore, logMustExist } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { checkLater, type EndFlags } from './check-options.ts';
import { endWithCheck } from './end-with-check.ts';

/** Between two lines of progress, in milliseconds. */
const progressMs = 5_000;
/** The largest number of counted events of a log that is not empty. */
const countedMax = 100_000;

const say = (line: string) => console.log(line);

/** The part of an archive that is restored. */
interface Plan {
  readonly archive: string;
  readonly events: number;
  readonly last: RawEvent;
}

/** `reprise restore ARCHIVE`. @throws Error in words for people */
export async function restoreArchive(path: string, config: Config): Promise<void> {
  const directory = await findArchive(path);
  say(`archive: ${directory}`);
  const plan = await planFor(directory);
  say(`  complete; ${plan.events} events to restore, the last at ${timeOf(plan.last.created)}`);
  if (config.eventStoreUrl === undefined && findService(config.dataDir) !== undefined) {
    throw new RestoreError(`a service runs on ${config.dataDir}: stop it first`);
  }
  const server = await borrowEventStore(config);
  say(`log: ${server.where}`);
  const store = connectEventStore(server.url);
  const log = connectRawLog(server.url, { onOddity: say });
  try {
    await restoreInto(store, log, directory, plan);
  } finally {
    log.close();
    await store.close();
    await server.stop();
  }
}

/**
 * Reads the whole archive.
 * @throws RestoreError if it is incomplete, or has no event to restore
 */
async function planFor(directory: string): Promise<Plan> {
  let events = 0;
  let last: RawEvent | undefined;
  const { faults } = await checkArchive(directory, (some) => {
    for (const event of some) {
      if (isOfOtherLog(event.stream)) continue;
      events += 1;
      last = event;
    }
  });
  const [first] = faults;
  if (first !== undefined) {
    throw new RestoreError(
      `the archive is not complete (${first.code} ${first.file}: ${first.detail}): nothing was written. ` +
        'Run reprise backup verify. Use another archive, or a copy of this one.',
    );
  }
  if (last === undefined) throw new RestoreError('the archive is empty: nothing was written');
  return { archive: (await loadSegment(directory, 1)).head.archive, events, last };
}

async function restoreInto(
  store: EventStore,
  log: RawLog,
  directory: string,
  plan: Plan,
): Promise<void> {
  const restored = await readRestored(store);
  if (restored === undefined) await assertEmpty(log);
  else if (restored.archive !== plan.archive) {
    throw new RestoreError(`the log is not empty: it was restored from ${restored.archive}`);
  }
  if (restored !== undefined && plan.events < restored.events) {
    throw new RestoreError(
      `the restore began with ${restored.events} events, but the archive has only ${plan.events}: its end is missing`,
    );
  }
  if (restored?.isFinished) {
    say(`already restored: ${restored.events} events of ${restored.archive}`);
    return tellNext(restored.isOpen);
  }
  const begun = restored ?? (await begin(store, plan));
  say(restored === undefined ? 'restoring …' : 'continuing the restore …');
  let toldMs = performance.now();
  await restoreEvents({
    ...{ directory, log, count: begun.events, signal: new AbortController().signal },
    onProgress: (events) => {
      if (performance.now() - toldMs < progressMs) return;
      toldMs = performance.now();
      say(`  ${events} of ${begun.events} events restored`);
    },
    onTrouble: (error) => say(`  ${error instanceof Error ? error.message : error}: trying again`),
  });
  const { epoch, events, revision } = begun;
  await append(store, revision, {
    type: 'LogRestoreFinished',
    data: { epoch, events, at: new Date().toISOString() },
  });
  say(`restored: ${events} events, each compared with the archive`);
  tellNext(false);
}

/** The next steps of people after a restore. */
export function tellNext(isOpen: boolean): void {
  if (isOpen) {
    say(checkLater('no service runs', 'start the service, then type reprise check'));
    return;
  }
  say(`The sale is closed. Next:
  reprise restore reconcile      shows what the old tables have and the backup does not have
  reprise rebuild                makes the tables from the restored log
  reprise verify                 proves the log and the tables
  reprise restore open --reason  opens the sale, and runs reprise check`);
  say(checkLater('no service runs, and the sale is closed', 'these steps'));
}

/** @throws RestoreError that says what is in it */
async function assertEmpty(log: RawLog): Promise<void> {
  const end = new AbortController();
  let first: RawEvent | undefined;
  let last: RawEvent | undefined;
  let events = 0;
  const options = { after: null, prefixes: archivedPrefixes, signal: end.signal };
  for await (const message of log.subscribe(options)) {
    if (message.kind === 'caught-up') break;
    if (message.kind !== 'event') continue;
    events += 1;
    first ??= message.event;
    last = message.event;
    if (events === countedMax) break;
  }
  if (first === undefined || last === undefined) return;
  const describe = ({ type, revision, stream, created }: RawEvent) =>
    `${type} ${revision}@${stream} of ${timeOf(created)}`;
  throw new RestoreError(
    `the log is not empty: it has ${events}${events === countedMax ? ' or more' : ''} events, from ${describe(first)} ` +
      `to ${describe(last)}. Nothing was written. Restore into an empty event store: another DATA_DIR or EVENTSTORE_URL.`,
  );
}

/** The log's first event. */
async function begin(store: EventStore, { archive, events, last }: Plan): Promise<RestoredLog> {
  const data = {
    epoch: randomUUID(),
    ...{ archive, events, lastEventId: last.id, lastCreatedAt: timeOf(last.created) },
  };
  const at = new Date().toISOString();
  await append(store, undefined, { type: 'LogRestored', data: { ...data, at } });
  return { ...data, isFinished: false, isReconciled: false, isOpen: false, revision: 0n };
}

/**
 * @param after the revision of the stream's last event
 * @throws RestoreError if another process also writes it
 */
export async function append(
  store: EventStore,
  after: bigint | undefined,
  event: DomainEvent,
): Promise<void> {
  const metadata = {
    schemaVersion: versionOf(event.type),
    command: 'RestoreLog',
    commandId: randomUUID(),
    actor: 'operator',
  };
  const events = [{ id: randomUUID(), event, metadata }];
  const { ok } = await store.append(restoredStream, after ?? 'no_stream', events);
  if (!ok)
    throw new RestoreError(
      'another command restores this log at the same time: run this command again',
    );
}

/** As the command line has them. */
export interface OpenFlags extends EndFlags {
  readonly reason: string;
  readonly unreconciled?: true | undefined;
}

/** `reprise restore open`. @throws Error in words for people */
export async function openSale(
  { reason, unreconciled, ...flags }: OpenFlags,
  config: Config,
): Promise<void> {
  await markOpen({ reason, unreconciled }, config);
  await endWithCheck(flags, config, { saleIsOpen: true });
}

async function markOpen(
  { reason, unreconciled }: Pick<OpenFlags, 'reason' | 'unreconciled'>,
  config: Config,
): Promise<void> {
  await logMustExist(config);
  const server = await borrowEventStore(config);
  const store = connectEventStore(server.url);
  try {
    const restored = await readRestored(store);
    if (restored === undefined)
      throw new RestoreError('the log was never restored, so the sale is open');
    if (restored.isOpen) return say('the sale is already open');
    if (!restored.isFinished) {
      throw new RestoreError('the restore was interrupted: run reprise restore again first');
    }
    if (!restored.isReconciled && !unreconciled) {
      throw new RestoreError(
        'the missing facts were not shown: run reprise restore reconcile. If PostgreSQL has no old tables, add --unreconciled',
      );
    }
    const data = { epoch: restored.epoch, reason, at: new Date().toISOString() };
    await append(store, restored.revision, { type: 'SaleOpened', data });
    say('the sale is open');
  } finally {
    await store.close();
    await server.stop();
  }
}
