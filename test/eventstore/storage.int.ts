import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openStorage, type Storage, StorageError } from '../../embedded/eventstore/log/storage.ts';
import { startEmbeddedEventStore } from '../../embedded/eventstore/start.ts';

const pageBytes = 4_096;

describe('event store: the data directory', () => {
  let directory = '';
  let opened: Storage | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'eventstore-storage-'));
  });

  afterEach(async () => {
    await close();
    await rm(directory, { recursive: true, force: true });
  });

  function open(): Storage {
    opened = openStorage(directory);
    return opened;
  }

  /** Shows that it can be read. */
  function newest({ events }: Storage): number | undefined {
    return [...events.getKeys({ reverse: true, limit: 1 })][0];
  }

  async function close(): Promise<void> {
    await opened?.close();
    opened = undefined;
  }

  const inUse = /is in use.*choose another directory with --data/s;

  it('is refused to a second server, in this process and in another one', async () => {
    open();
    expect(() => openStorage(directory)).to.throw(StorageError, inUse);
    const other = startEmbeddedEventStore({ data: directory });
    const refusal = await other.then(
      () => 'it started',
      (error: Error) => error.message,
    );
    expect(refusal).to.match(inUse);
  });

  it('is taken over whatever an older version left behind, also with the id of a process that runs', async () => {
    for (const pid of [2 ** 22 + 1, process.ppid, process.pid]) {
      await writeFile(join(directory, 'owner.lock'), JSON.stringify({ pid, started: '' }));
      expect(newest(open())).to.equal(undefined);
      await close();
    }
  });

  it('is free again once it was closed', async () => {
    open();
    await close();
    expect(newest(open())).to.equal(undefined);
  });

  it('a first start that was killed half way blocks nothing', async () => {
    await writeFile(join(directory, 'log.mdb'), '');
    open();
    await close();
    await writeFile(join(directory, 'FORMAT'), '');
    expect(newest(open())).to.equal(undefined);
  });

  it('a large log without its mark is never thrown away', async () => {
    const foreign = Buffer.alloc(1024 * 1024, 7);
    await writeFile(join(directory, 'log.mdb'), foreign);
    expect(() => openStorage(directory)).to.throw(StorageError, /damaged/);
    expect((await readFile(join(directory, 'log.mdb'))).equals(foreign)).to.equal(true);
  });

  it('a lost log is not replaced by an empty one', async () => {
    open();
    await close();
    await rm(join(directory, 'log.mdb'));
    expect(() => openStorage(directory)).to.throw(StorageError, /damaged.*log\.mdb is missing/s);
  });

  it('of another format is refused', async () => {
    open();
    await close();
    await writeFile(join(directory, 'FORMAT'), '99\n');
    expect(() => openStorage(directory)).to.throw(StorageError, /has format 99/);
  });

  it('a file that was cut off is refused, and left as it is', async () => {
    const { root, events } = open();
    for (let position = 0; position < 400; position++)
      await root.batch(() => void events.put(position, Buffer.alloc(200)));
    await close();
    const file = join(directory, 'log.mdb');
    const { size } = await stat(file);
    await truncate(file, size - 20 * pageBytes);
    expect(() => openStorage(directory)).to.throw(StorageError, /cut off/);
    expect((await stat(file)).size, 'left as it is').to.equal(size - 20 * pageBytes);
  });
});
