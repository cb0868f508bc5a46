import { cp, rename, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { type SmallDisk, smallDisk } from '../../test/eventstore/crash/small-disk.ts';
import type { EventStoreNode } from '../../test/support/eventstore-node.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type Site, type SiteOptions, seconds } from './site.ts';

/** What a drill may cost. What no drill may: see `always`. */
export interface Bounds {
  /** Requests without a good answer. */
  readonly failedMax?: number;
  /** Longest time in which a service gives no good answer to a reservation or a payment. */
  readonly longestSecondsMax?: number;
  /** Time from the fault, or from the moment that the drill names, until every service is ready. */
  readonly readySecondsMax?: number;
}

/** Results of a drill besides those of its buyers. */
export interface Told {
  /**
   * The moment from which `readySecondsMax` counts, as `performance.now()`; default: the fault.
   */
  readonly readyFromMs?: number;
  readonly note?: string;
}

export interface Drill {
  readonly name: string;
  readonly about: string;
  readonly site: SiteOptions;
  readonly bounds: Bounds;
  /** The default number of rounds. */
  readonly rounds?: number;
  /** Causes the fault, keeps it for its time, ends it. */
  run(site: Site): Promise<Told>;
}

/** Seconds that a fault lasts after its effect is over. */
const holdSeconds = 3;
/** How long a node hangs or is disconnected, and how long a quorum is missing, in seconds. */
const faultSeconds = 15;

/** The longest election, in milliseconds. */
const electionMs = 90_000;

const cluster: SiteOptions = { nodes: 3 };
/** Subscriptions are on followers. */
const onFollowers: SiteOptions = { nodes: 3, settings: '&nodePreference=follower' };
const proxied: SiteOptions = { nodes: 3, proxied: true };
const proxiedOnFollowers: SiteOptions = { ...proxied, ...onFollowers };

const oneDead: Bounds = { failedMax: 0, longestSecondsMax: 10, readySecondsMax: 10 };
const oneHung: Bounds = { longestSecondsMax: 10, readySecondsMax: 10 };

type Choice = (site: Site) => Promise<EventStoreNode>;
const leader: Choice = (site) => site.leader();
const follower: Choice = async (site) => (await site.followers())[0] as EventStoreNode;

async function kill(site: Site, choose: Choice): Promise<Told> {
  const node = await choose(site);
  const wasLeader = node === (await site.leader());
  await node.kill();
  const told = wasLeader ? await newLeader(site, node) : {};
  await seconds(holdSeconds);
  await heal(site);
  return told;
}

async function hang(site: Site, choose: Choice): Promise<Told> {
  const node = await choose(site);
  const wasLeader = node === (await site.leader());
  node.pause();
  try {
    const told = wasLeader ? newLeader(site, node) : {};
    const [, note] = await Promise.all([seconds(faultSeconds), told]);
    return note;
  } finally {
    node.resume();
    await heal(site);
  }
}

async function cut(site: Site, choose: Choice): Promise<Told> {
  const proxy = site.proxies[(await choose(site)).index];
  proxy?.cut();
  await seconds(faultSeconds);
  const readyFromMs = performance.now();
  proxy?.mend();
  return { readyFromMs };
}

/** Waits until the nodes name another leader than `old`. */
async function newLeader(site: Site, old: EventStoreNode): Promise<Told> {
  const fromMs = performance.now();
  const another = async () => (await site.leader()) !== old;
  await eventually('there is another leader', another, electionMs, 100);
  return { note: `a new leader after ${inSeconds(performance.now() - fromMs)} s` };
}

/** Starts the nodes that do not run, and waits until every node has its role. */
async function heal(site: Site): Promise<void> {
  await Promise.all(
    site.nodes.nodes.filter(({ running }) => !running).map((node) => node.restart()),
  );
  await site.nodes.ready();
}

async function loseQuorum(site: Site): Promise<Told> {
  await Promise.all((await site.followers()).map((node) => node.kill()));
  await seconds(faultSeconds);
  return backInQuorum(site);
}

async function backInQuorum(site: Site): Promise<{ readyFromMs: number }> {
  const back = heal(site);
  await eventually(
    'a follower runs',
    () => site.nodes.nodes.filter(({ running }) => running).length > 1,
  );
  await site.leader();
  const readyFromMs = performance.now();
  await back;
  return { readyFromMs };
}

async function rollingRestart(site: Site): Promise<Told> {
  for (const node of site.nodes.nodes) {
    await node.restart();
    await site.nodes.ready();
    await seconds(1);
  }
  return {};
}

async function scavenge(site: Site): Promise<Told> {
  for (const { port } of site.nodes.nodes) {
    const url = `http://127.0.0.1:${port}/admin/scavenge`;
    const { status } = await fetch(url, { method: 'POST', headers: { connection: 'close' } });
    if (status !== 200) throw new Error(`${url}: ${status}`);
  }
  await seconds(faultSeconds);
  return {};
}

async function rebuildMeanwhile(site: Site): Promise<Told> {
  const fromMs = performance.now();
  const rebuilt = site.rebuild();
  const node = await site.leader();
  await node.kill();
  await rebuilt;
  const note = `rebuilt in ${inSeconds(performance.now() - fromMs)} s`;
  await heal(site);
  return { note };
}

async function startWithoutLeader(site: Site): Promise<Told> {
  await Promise.all((await site.followers()).map((node) => node.kill()));
  const service = await site.another();
  try {
    let ended: unknown;
    service.started.catch((error) => {
      ended = error;
    });
    await seconds(faultSeconds);
    if (ended !== undefined) throw ended;
    const { readyFromMs } = await backInQuorum(site);
    await service.started;
    const note = `the new one was there ${inSeconds(performance.now() - readyFromMs)} s after`;
    return { readyFromMs, note };
  } finally {
    await service.remove();
  }
}

const diskMegabytes = 96;
const ballastBytes = 400_000;
let disk: SmallDisk | undefined;

/** Fills the disk of a single node with other data, until nothing can be written. */
async function fillDisk(site: Site): Promise<Told> {
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

/** Restores yesterday's data: later sales are lost, and the services must report it. */
async function restore(site: Site, data: string): Promise<Told> {
  const [node] = site.nodes.nodes as [EventStoreNode];
  const kept = path.join(data, 'node-0', 'data');
  await site.buyers?.stop();
  await node.kill('SIGTERM');
  await cp(kept, `${kept}-yesterday`, { recursive: true });
  await node.restart();
  const yesterday = site.buyers?.acknowledged;
  const today = site.startBuyers(site.services.length * 2);
  await site.well();
  await seconds(3);
  await today.stop();
  await node.kill('SIGTERM');
  await rename(kept, `${kept}-today`);
  await rename(`${kept}-yesterday`, kept);
  const backMs = performance.now();
  await node.restart();
  for (const { url } of site.services) {
    const says = async () => (await projectionState(url)) === 'other-log';
    await eventually(`${url} says other-log`, says, 60_000, 100);
  }
  const note = `said other-log ${inSeconds(performance.now() - backMs)} s after the start`;
  await site.rebuild();
  site.startBuyers(site.services.length * 2, yesterday);
  return { readyFromMs: performance.now(), note };
}

async function projectionState(url: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/readyz`);
  const { projection } = (await answer.json()) as { projection?: { state: string } };
  return projection?.state;
}

const inSeconds = (ms: number): string => (ms / 1_000).toFixed(1);

const ofNode = (
  what: string,
  choose: Choice,
  sites: readonly [SiteOptions, SiteOptions],
  deadAndHung: readonly [Bounds, Bounds, Bounds],
): Drill[] => [
  {
    name: `${what}-kill`,
    about: `SIGKILL of the ${what}; it is started again once another node has its role`,
    site: sites[0],
    bounds: deadAndHung[0],
    run: (site) => kill(site, choose),
  },
  {
    name: `${what}-hang`,
    about: `SIGSTOP of the ${what} for ${faultSeconds} s`,
    site: sites[0],
    bounds: deadAndHung[1],
    run: (site) => hang(site, choose),
  },
  {
    name: `${what}-cut`,
    about: `the network between the services and the ${what} is cut for ${faultSeconds} s`,
    site: sites[1],
    bounds: deadAndHung[2],
    run: (site) => cut(site, choose),
  },
];

/**
 * All drills. `prepareDisk` must be called before `disk-full`.
 */
export function drills(temporary: string): readonly Drill[] {
  const restored = path.join(temporary, 'restored');
  const back: Bounds = { readySecondsMax: 5 };
  return [
    ...ofNode('leader', leader, [cluster, proxied], [oneDead, oneHung, back]),
    ...ofNode('follower', follower, [cluster, proxied], [oneDead, oneDead, oneDead]),
    ...ofNode(
      'subscription',
      follower,
      [onFollowers, proxiedOnFollowers],
      [oneDead, oneDead, oneDead],
    ),
    {
      name: 'quorum',
      about: `both followers killed for ${faultSeconds} s`,
      site: cluster,
      bounds: back,
      run: loseQuorum,
    },
    {
      name: 'start-without-leader',
      about: 'a service is started with one node of three; then the other two nodes start',
      site: cluster,
      bounds: back,
      run: startWithoutLeader,
    },
    {
      name: 'rolling-restart',
      about: 'SIGTERM and start of each node, one after another',
      site: cluster,
      bounds: oneDead,
      run: rollingRestart,
    },
    {
      name: 'scavenge',
      about: 'a scavenge on every node',
      site: cluster,
      bounds: oneDead,
      run: scavenge,
    },
    {
      name: 'rebuild',
      about: 'reprise rebuild while the leader is killed',
      site: cluster,
      bounds: oneHung,
      run: rebuildMeanwhile,
    },
    {
      name: 'disk-full',
      about: 'the disk of a single node is full, then has space again',
      site: {
        nodes: 1,
        args: ['--chunk-size', `${2 * 1024 * 1024}`, '--chunks-cache-size', '8388608'],
        get data() {
          return disk?.path ?? '';
        },
      },
      bounds: back,
      run: fillDisk,
    },
    {
      name: 'restore',
      about: 'an older copy of the data of a single node is restored, then reprise rebuild',
      site: { nodes: 1, data: restored },
      bounds: { readySecondsMax: 10 },
      run: (site) => restore(site, restored),
    },
  ];
}

/** Makes the small disk of `disk-full`. @returns whether this machine can (Linux and root) */
export async function prepareDisk(): Promise<boolean> {
  disk = await smallDisk(diskMegabytes);
  return disk !== undefined;
}

export async function removeDisk(): Promise<void> {
  await disk?.remove();
  disk = undefined;
}
