/**
 * The files of the log: one LMDB environment in the data directory, opened by one process at a
 * time.
 *
 *   events   position → stored event (recorded-event.ts); position order is the order of `$all`
 *   index    [stream number, revision] → position
 *   streams  stream name → stream number
 *
 * The directory also has `FORMAT`, with the version of this layout, and `owner.lock`, which is
 * locked while the directory is open.
 *
 * A commit is one LMDB transaction, flushed before its promise resolves and before any reader sees
 * it (`overlappingSync` is off for exactly that reason). Nothing is counted at start: the last keys
 * give the next position and the next stream number.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { type FileLock, LockHeld, lockFile } from '../../file-lock.ts';
import { viewStoredEvent } from '../codec/recorded-event.ts';
import { FileRoom } from './file-room.ts';
import { checkLogFile } from './log-file.ts';
import { checkPages } from './page-check.ts';

export const formatVersion = 1;
/** If the first start was killed, the log file has no event yet. A larger file is never removed. */
const unfinishedBytesMax = 64 * 1024;
/** LMDB refuses keys above 1,978 bytes. For longer names, the key is their hash. */
const nameKeyBytesMax = 1_000;
/** The first byte of a key. It distinguishes names from hashes. */
const plain = 1;
const hashed = Buffer.from([2]);

export interface Storage {
  readonly root: RootDatabase<unknown, string>;
  readonly events: Database<Buffer, number>;
  readonly index: Database<number, number[]>;
  readonly streams: Database<number, Uint8Array>;
  readonly room: FileRoom;
  close(): Promise<void>;
}

/** The data directory cannot be used. The message says what to do. */
export class StorageError extends Error {}

/** Another process has the directory open. */
export class StorageInUse extends StorageError {}

/**
 * @throws StorageError when the directory is in use, damaged, not writable, or of another format.
 */
export function openStorage(directory: string): Storage {
  const lock = lockDirectory(directory);
  try {
    return openEnvironment(directory, () => lock.release());
  } catch (error) {
    lock.release();
    throw error instanceof StorageError ? error : damaged(directory, error);
  }
}

function lockDirectory(directory: string): FileLock {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return lockFile(join(directory, 'owner.lock'));
  } catch (error) {
    const reason = (error as Error).message;
    if (error instanceof LockHeld)
      throw new StorageInUse(
        `The data directory ${directory} is in use: ${reason} has it open. ` +
          'Stop that one, or choose another directory with --data.',
      );
    throw new StorageError(
      `The data directory ${directory} cannot be written (${reason}). ` +
        'Make it writable for this user or choose another one with --data.',
    );
  }
}

function openEnvironment(directory: string, unlock: () => void): Storage {
  const file = join(directory, 'log.mdb');
  const mark = join(directory, 'FORMAT');
  checkMark(directory, mark);
  let undo = () => {};
  if (existsSync(file)) {
    if (!existsSync(mark) && statSync(file).size <= unfinishedBytesMax) rmSync(file);
    else undo = checkLogFile(file);
  } else if (existsSync(mark)) throw new Error('log.mdb is missing');
  let root: RootDatabase<unknown, string> | undefined;
  try {
    if (existsSync(file)) checkPages(file);
    root = open<unknown, string>({
      path: file,
      maxDbs: 8,
      overlappingSync: false,
      // Only `batch` makes transactions. Otherwise lmdb-js makes an additional promise for each
      // transaction. When the disk is full, this promise rejects, and no code can handle it.
      eventTurnBatching: false,
    });
    const storage = databases(root, new FileRoom(file, root), unlock);
    checkNewest(storage);
    if (!existsSync(mark)) finishFirstStart(directory, mark);
    return storage;
  } catch (error) {
    void root?.close();
    undo();
    throw error;
  }
}

function databases(
  root: RootDatabase<unknown, string>,
  room: FileRoom,
  unlock: () => void,
): Storage {
  return {
    root,
    room,
    events: root.openDB<Buffer, number>('events', { encoding: 'binary' }),
    index: root.openDB<number, number[]>('index', { encoding: 'ordered-binary' }),
    streams: root.openDB<number, Uint8Array>('streams', { encoding: 'ordered-binary' }),
    async close() {
      await root.close();
      room.close();
      unlock();
    },
  };
}

/** Writes the mark, and flushes the new files, so that they remain after a loss of power. */
function finishFirstStart(directory: string, mark: string): void {
  writeFileSync(mark, `${formatVersion}\n`);
  // Windows cannot flush a directory, and does not need to.
  if (process.platform === 'win32') return;
  const handle = openSync(directory, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

/** If something is missing, it is what was written last. */
function checkNewest({ events, index }: Storage): void {
  for (const { key, value } of events.getRange({ reverse: true, limit: 1 }))
    if (viewStoredEvent(value).position !== key) throw new Error('the newest event cannot be read');
  for (const { value } of index.getRange({ reverse: true, limit: 1 }))
    if (!events.doesExist(value)) throw new Error('an event is missing');
}

/** The mark has the version of the layout. It also shows that the first start was complete. */
function checkMark(directory: string, mark: string): void {
  if (!existsSync(mark)) return;
  const format = readFileSync(mark, 'utf8').trim();
  // If the process is killed while it writes the mark, the mark is empty.
  if (format === '' || format === String(formatVersion)) return;
  throw new StorageError(
    `The data directory ${directory} has format ${format}, this version reads ${formatVersion}. ` +
      'Start the version that wrote it, or choose another directory with --data.',
  );
}

function damaged(directory: string, cause: unknown): StorageError {
  return new StorageError(
    `The data directory ${directory} is damaged (${(cause as Error).message}). Nothing was changed. ` +
      'Restore log.mdb from a backup, or move the directory away and start with an empty one.',
  );
}

/** The key of a stream's name: the name itself, or its hash when it is too long for a key. */
export function nameKey(name: string): Uint8Array {
  const length = Buffer.byteLength(name);
  if (length > nameKeyBytesMax)
    return Buffer.concat([hashed, createHash('sha256').update(name).digest()]);
  const key = Buffer.allocUnsafe(1 + length);
  key[0] = plain;
  key.write(name, 1, length, 'utf8');
  return key;
}
