import { join } from 'node:path';
import { archiveLog } from '../backup/archive-log.ts';
import { ArchiveWriter } from '../backup/archive-writer.ts';
import { archiveIds, makeArchive } from '../backup/archives.ts';
import type { Config } from '../config.ts';
import { connectRawLog } from '../infrastructure/raw-log.ts';
import { type BackupNote, leaveNote } from '../metrics/command-notes.ts';
import { borrowEventStore, logMustExist } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { pause } from '../support/pause.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { version } from './version.ts';

/**
 * Longest time until `create` writes an event, in milliseconds. An interrupted run keeps all
 * written events.
 */
const createFlushMs = 5_000;
/**
 * The time between two searches for the address of the running service's event store, in
 * milliseconds. Each start of the service has another address.
 */
const lookMs = 500;

const say = (line: string) => console.log(line);

/** `reprise backup create`. @throws Error with a message for people */
export async function createBackup(
  config: Config,
  parent: string,
  { isNew }: { readonly isNew: boolean },
): Promise<void> {
  await logMustExist(config);
  const writer = await openArchive(config, parent, { isNew, mode: 'create' });
  try {
    const server = await borrowEventStore(config);
    say(`log: ${server.where}`);
    try {
      const signal = new AbortController().signal;
      const written = await write(server.url, writer, { flushMs: createFlushMs, signal });
      say(`${written} events written; the archive has the whole log`);
    } finally {
      await server.stop();
    }
  } finally {
    writer.close();
  }
}

/**
 * `reprise backup follow`, until a signal.
 * @throws Error with a message for people when it cannot continue
 */
export async function followIntoArchive(
  config: Config,
  parent: string,
  { flushMs }: { readonly flushMs: number },
): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const mode = 'follow';
  let writer = await openArchive(config, parent, { isNew: false, mode });
  let written = 0;
  try {
    while (!stop.signal.aborted) {
      if (writer.isFull) {
        say('the archive has its maximum of segments: a new archive begins');
        writer.close();
        writer = await openArchive(config, parent, { isNew: true, mode });
      }
      const url = config.eventStoreUrl ?? (await urlOfService(config.dataDir, stop.signal));
      if (url === undefined) break;
      const moved = new AbortController();
      const looking = setInterval(() => {
        const isThere = config.eventStoreUrl ?? urlNow(config.dataDir);
        if (isThere !== url || writer.isFull) moved.abort();
      }, lookMs);
      const signal = AbortSignal.any([stop.signal, moved.signal]);
      written += await write(url, writer, { flushMs, signal, follow: true }).finally(() =>
        clearInterval(looking),
      );
    }
  } finally {
    writer.close();
  }
  say(`Stopped. ${written} events written.`);
}

/** The newest archive, or a new one. */
async function openArchive(
  config: Config,
  parent: string,
  { isNew, mode }: { readonly isNew: boolean; readonly mode: BackupNote['mode'] },
): Promise<ArchiveWriter> {
  const newest = isNew ? undefined : (await archiveIds(parent)).at(-1);
  const id = newest ?? (await makeArchive(parent, new Date()));
  let isTold = false;
  const writer = await ArchiveWriter.open(join(parent, id), {
    version,
    // The archive is complete without the note. Only the service does not know of it.
    onSeen: (seen) =>
      leaveNote(config, { backup: { ...seen, mode, archive: writer.directory } }).catch((error) => {
        if (!isTold) console.error(`reprise: metrics will not show this backup: ${error.message}`);
        isTold = true;
      }),
  });
  say(`archive: ${writer.directory}`);
  return writer;
}

/** @returns how many events were written */
async function write(
  url: string,
  writer: ArchiveWriter,
  parts: { readonly flushMs: number; readonly signal: AbortSignal; readonly follow?: true },
): Promise<number> {
  const meter = new ProgressMeter();
  const log = connectRawLog(url, { onOddity: (what) => meter.line(what) });
  try {
    return await archiveLog({
      ...{ log, writer, follow: false, ...parts },
      onProgress: ({ events }) =>
        meter.show({ doing: 'writing the archive', done: events, unit: 'events' }),
      onCaughtUp: () => {
        if (parts.follow) meter.line('the archive has the whole log; following the log');
      },
    });
  } finally {
    meter.clear();
    log.close();
  }
}

/** Undefined if no service runs, or while one is starting or stopping. */
function urlNow(dataDir: string): string | undefined {
  try {
    return findService(dataDir)?.eventStoreUrl;
  } catch {
    return undefined;
  }
}

/** Waits for a service. @returns undefined when the signal aborts */
async function urlOfService(dataDir: string, signal: AbortSignal): Promise<string | undefined> {
  let isTold = false;
  while (!signal.aborted) {
    const url = urlNow(dataDir);
    if (url !== undefined) return url;
    if (!isTold) say(`no service runs on ${dataDir}: waiting for a service`);
    isTold = true;
    await pause(lookMs, signal);
  }
  return undefined;
}
