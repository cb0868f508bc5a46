import { rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { type SmallDisk, smallDisk } from '../../test/eventstore/crash/small-disk.ts';
import type { EventStoreNode } from '../../test/support/eventstore-node.ts';
import type { Told } from './faults.ts';
import { type Site, seconds } from './site.ts';

const diskMegabytes = 96;
const ballastBytes = 400_000;
let disk: SmallDisk | undefined;

/** Fills the disk of a single node with other data, until nothing can be written. */
export async function fillDisk(site: Site): Promise<Told> {
  const [node] = site.nodes.nodes as [EventStoreNode];
  const ballast = path.join((disk as SmallDisk).path, 'ballast');
  const free = 8 * 1024 * 1024;
  await writeFile(ballast, Buffer.alloc(Math.max(0, (await freeBytes()) - free), 1));
  const client = EventStoreDBClient.connectionString(node.url);
  const blob = jsonEvent({ type: 'Ballast', data: { text: 'x'.repeat(ballastBytes) } });
  let written = 0;
  const endMs = performance.now() + 60_000;
  while (node.running && performance.now() < endMs) {
    const answer = await Promise.race([
      client.appendToStream('ballast', { ...blob, id: crypto.randomUUID() }).catch(() => undefined),
      seconds(3),
    ]);
    if (answer === undefined) break;
    written += 1;
  }
  await client.dispose().catch(() => {});
  await seconds(5);
  const note = `full after ${written} appends more; the node ${node.running ? 'runs' : 'ended'}`;
  await rm(ballast);
  await node.restart();
  await site.leader();
  return { readyFromMs: performance.now(), note };
}

async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs((disk as SmallDisk).path);
  return bavail * bsize;
}

/** Where the small disk is; empty before `prepareDisk`. */
export const diskPath = (): string => disk?.path ?? '';

/** Makes the small disk of `disk-full`. @returns whether this machine can (Linux and root) */
export async function prepareDisk(): Promise<boolean> {
  disk = await smallDisk(diskMegabytes);
  return disk !== undefined;
}

export async function removeDisk(): Promise<void> {
  await disk?.remove();
  disk = undefined;
}
