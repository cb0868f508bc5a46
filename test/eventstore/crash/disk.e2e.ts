import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  binaryEvent,
  type EventData,
  type EventStoreDBClient,
  UnavailableError,
} from '@eventstore/db-client';
import { expect } from 'chai';
import { limitFileSize, setWritable, smallDisk } from '../../../src/drill/small-disk.ts';
import {
  bothWays,
  connect,
  events,
  expectError,
  idsIn,
  rejection,
  unique,
} from '../../conformance/support/client.ts';
import { EmbeddedServer } from '../../conformance/support/own-server.ts';
import { recording } from '../../conformance/support/recorder.ts';
import { eventually } from '../../support/eventually.ts';
import { refusesToStart } from './refuses-to-start.ts';

const diskMegabytes = 16;

/** So many appends of 100 KB fill the disk several times over. */
const appendsMax = (4 * diskMegabytes * 1_024) / 100;

/** So long do many go on, unless so many appends were refused before. */
const whileMs = 40_000;
const refusedMax = 3_000;

/** A refusal says that it is the disk, not the append: the client may send it again later. */
const namesTheDisk = /cannot write.*disk/i;

describe('event store: a disk that refuses to write', function () {
  this.timeout(60_000);

  it('a full disk: appends are refused with the reason, reads go on, room lets it go on', async function () {
    const disk = await smallDisk(diskMegabytes);
    if (disk === undefined) {
      this.test?.parent &&
        console.info('      skipped: mounting a small disk needs Linux and root');
      return this.skip();
    }
    try {
      const ballast = join(disk.path, 'ballast');
      await writeFile(ballast, Buffer.alloc(4 * 1_024 * 1_024));
      const server = await EmbeddedServer.start({ directory: join(disk.path, 'data') });
      try {
        await refusesAndGoesOn(server, { makeRoom: () => rm(ballast) });
      } finally {
        await server.dispose();
      }
    } finally {
      await disk.remove();
    }
  });

  it('a full disk, and many who go on appending: the process goes on, and takes appends with room', async function () {
    const disk = await smallDisk(diskMegabytes);
    if (disk === undefined) return this.skip();
    try {
      const ballast = join(disk.path, 'ballast');
      await writeFile(ballast, Buffer.alloc(4 * 1_024 * 1_024));
      const server = await EmbeddedServer.start({ directory: join(disk.path, 'data') });
      try {
        const { refused } = await appendForAWhile(server);
        expect(refused).to.be.greaterThan(500);
        await rm(ballast);
        const client = connect(server.url);
        const [next] = events(1) as [EventData];
        await eventually('an append with room', () => client.appendToStream(unique('room'), next));
        await client.dispose();
      } finally {
        await server.dispose();
      }
    } finally {
      await disk.remove();
    }
  });

  it('files that may not grow: appends are refused, reads go on, later appends work', async function () {
    const server = await EmbeddedServer.start();
    try {
      if (!(await limitFileSize(server.pid, 4 * 1_024 * 1_024))) {
        console.info('      skipped: limiting a process needs prlimit (util-linux)');
        return this.skip();
      }
      const lift = async () => {
        await limitFileSize(server.pid, 'unlimited');
      };
      await refusesAndGoesOn(server, { makeRoom: lift });
    } finally {
      await server.dispose();
    }
  });

  it('a directory that cannot be written is refused at start, with what to do', async function () {
    const disk = await smallDisk(diskMegabytes);
    const directory = disk?.path ?? (await mkdtemp(join(tmpdir(), 'eventstore-readonly-')));
    try {
      if (disk !== undefined) await setWritable(disk, false);
      else if (process.getuid?.() === 0) return this.skip();
      else await chmod(directory, 0o555);
      await refusesToStart(directory, /cannot be written[\s\S]*(--data|writable)/i);
    } finally {
      await disk?.remove();
      await rm(directory, { recursive: true, force: true });
    }
  });
});

/** Many append at the same time, long after the disk is full. @throws when the process ends */
async function appendForAWhile(server: EmbeddedServer): Promise<{ readonly refused: number }> {
  const client = connect(server.url);
  const { pid } = server;
  let refused = 0;
  const endMs = Date.now() + whileMs;
  const append = async () => {
    while (Date.now() < endMs && refused < refusedMax) {
      const small = binaryEvent({ type: 'Small', data: new Uint8Array(2_048) });
      await client.appendToStream(unique('many'), small).catch((error: unknown) => {
        expectError(error, UnavailableError);
        refused += 1;
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: 32 }, append));
    expect(server.pid).to.equal(pid);
    return { refused };
  } finally {
    await client.dispose();
  }
}

/**
 * Appends until the disk says no, then checks that only the appends are refused, and only while
 * there is no room.
 */
async function refusesAndGoesOn(
  server: EmbeddedServer,
  { makeRoom }: { makeRoom: () => Promise<void> },
): Promise<void> {
  const client = connect(server.url);
  const { pid } = server;
  const stream = unique('filling');
  try {
    const acknowledged: string[] = [];
    const refusal = await appendUntilRefused(client, stream, acknowledged);
    expectError(refusal, UnavailableError);
    expect(refusal.message).to.match(namesTheDisk);
    expect(acknowledged, 'appends before the disk was full').to.have.length.above(5);
    for (const { options } of bothWays) {
      const again = await rejection(client.appendToStream(stream, [large(), large()], options));
      expectError(again, UnavailableError);
      expect(again.message).to.match(namesTheDisk);
      expect(await idsIn(client, stream)).to.deep.equal(acknowledged);
    }
    await recording(client.subscribeToStream(stream), async (recorder) => {
      await recorder.caughtUp();
      expect(recorder.ids).to.deep.equal(acknowledged);
      await makeRoom();
      const [next] = events(1) as [EventData];
      // No restart, and no gap where the refused ones would have been.
      await eventually('an append with room', () =>
        client.appendToStream(stream, next, { expectedRevision: BigInt(acknowledged.length - 1) }),
      );
      acknowledged.push(next.id);
      await recorder.count(acknowledged.length);
    });
    expect(server.pid).to.equal(pid);
    await server.kill();
    await server.start();
    const after = connect(server.url);
    expect(await idsIn(after, stream)).to.deep.equal(acknowledged);
    await after.dispose();
  } finally {
    await client.dispose();
  }
}

async function appendUntilRefused(
  client: EventStoreDBClient,
  stream: string,
  acknowledged: string[],
): Promise<unknown> {
  for (let append = 0; append < appendsMax; append++) {
    const event = large();
    try {
      await client.appendToStream(stream, event);
    } catch (error) {
      return error;
    }
    acknowledged.push(event.id);
  }
  throw new Error(`${appendsMax} appends of 100 KB did not fill the disk`);
}

function large(): EventData {
  return binaryEvent({ type: 'Large', data: new Uint8Array(100 * 1_024) });
}
