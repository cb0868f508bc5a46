import { cp, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { eventually } from '../../support/eventually.ts';
import { pause } from '../../support/pause.ts';
import type { Acknowledged } from '../buyers.ts';
import type { Hands } from '../drill-form.ts';
import { noFacts, type Site } from '../site.ts';
import type { EventStoreNode } from './eventstore-node.ts';
import { clusterOf } from './node-faults.ts';

/** Free space that is left for the appends that fill the disk, in bytes. */
const spareBytes = 8 * 1_024 * 1_024;
const ballastBytes = 400_000;
/** An append that takes longer has no room, in milliseconds. */
const appendMs = 3_000;
/** Until the disk must be full, in milliseconds, and how long it stays so. */
const fillMs = 60_000;
const fullMs = 5_000;
/** Until every service says that the log is another one, in milliseconds. */
const otherLogMs = 60_000;
/** Sales of this long are lost with the newer data, in milliseconds. */
const lostMs = 3_000;

const theNode = (site: Site): EventStoreNode => clusterOf(site).nodes.nodes[0] as EventStoreNode;

/** Fills the disk of a single node with other data until nothing can be written; then frees it. */
export async function fillNodeDisk({ site, act, fault, over }: Hands): Promise<void> {
  const cluster = clusterOf(site);
  const { disk } = cluster;
  if (disk === undefined) throw new Error('the node has no disk of its own');
  const node = theNode(site);
  const ballast = join(disk.path, 'ballast');
  const { bavail, bsize } = await statfs(disk.path);
  fault();
  await act('the disk is filled', async () => {
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - spareBytes), 1));
    const appends = await appendUntilFull(node);
    await pause(fullMs);
    return `full after ${appends} appends; the node ${node.running ? 'runs' : 'ended'}`;
  });
  await act('there is room, and the node starts', async () => {
    await rm(ballast);
    await node.restart();
    await cluster.leader();
  });
  over();
}

/** @returns how many were taken */
async function appendUntilFull(node: EventStoreNode): Promise<number> {
  const client = EventStoreDBClient.connectionString(node.url);
  const blob = jsonEvent({ type: 'Ballast', data: { text: 'x'.repeat(ballastBytes) } });
  const endMs = performance.now() + fillMs;
  try {
    for (let taken = 0; ; taken += 1) {
      if (!node.running || performance.now() > endMs) return taken;
      const event = { ...blob, id: crypto.randomUUID() };
      const answer = await Promise.race([
        client.appendToStream('ballast', event).catch(() => undefined),
        pause(appendMs),
      ]);
      if (answer === undefined) return taken;
    }
  } finally {
    await client.dispose().catch(() => {});
  }
}

/** What buyers had been told when the data was copied. */
const ledgers = new WeakMap<Site, Acknowledged>();

const dataOf = (site: Site): string => join(clusterOf(site).data, 'node-0', 'data');

/** Copies the data of a stopped node, and lets buyers go on. */
export async function copyData({ site, act, buyers }: Hands): Promise<void> {
  const node = theNode(site);
  await site.stopBuyers();
  await act('the data is copied', async () => {
    await node.kill('SIGTERM');
    await cp(dataOf(site), `${dataOf(site)}-older`, { recursive: true });
    await node.restart();
  });
  ledgers.set(site, site.acknowledged);
  // What is sold from now on is lost, and the ledger of it with it.
  site.startBuyers(buyers, noFacts());
}

/** Puts the older copy in place of the data: later sales are lost, and the services must say so. */
export async function restoreOlderCopy({ site, act, fault, over, buyers }: Hands): Promise<void> {
  const node = theNode(site);
  const data = dataOf(site);
  await pause(lostMs);
  await site.stopBuyers();
  fault();
  await act('the older copy is put in place', async () => {
    await node.kill('SIGTERM');
    await rename(data, `${data}-newer`);
    await rename(`${data}-older`, data);
    await node.restart();
  });
  await act('every service says other-log', () =>
    Promise.all(
      site.services.map((service) =>
        eventually(
          `${service.url} says so`,
          async () => {
            const { body } = await service.readyz<{ projection?: { state: string } }>();
            return body.projection?.state === 'other-log';
          },
          otherLogMs,
          100,
        ),
      ),
    ),
  );
  await act('reprise rebuild', () => site.mustRun('rebuild'));
  over();
  site.startBuyers(buyers, ledgers.get(site));
}
