import { cp, rename } from 'node:fs/promises';
import path from 'node:path';
import type { EventStoreNode } from '../../test/support/eventstore-node.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type Site, seconds } from './site.ts';

/** Results of a drill besides those of its buyers. */
export interface Told {
  /**
   * The moment from which `readySecondsMax` counts, as `performance.now()`; default: the fault.
   */
  readonly readyFromMs?: number;
  readonly note?: string;
}

/** Seconds that a fault lasts after its effect is over. */
const holdSeconds = 3;
/** How long a node hangs or is disconnected, and how long a quorum is missing, in seconds. */
export const faultSeconds = 15;

/** The longest election, in milliseconds. */
const electionMs = 90_000;

export type Choice = (site: Site) => Promise<EventStoreNode>;
export const leader: Choice = (site) => site.leader();
export const follower: Choice = async (site) => (await site.followers())[0] as EventStoreNode;

export async function kill(site: Site, choose: Choice): Promise<Told> {
  const node = await choose(site);
  const wasLeader = node === (await site.leader());
  await node.kill();
  const told = wasLeader ? await newLeader(site, node) : {};
  await seconds(holdSeconds);
  await heal(site);
  return told;
}

export async function hang(site: Site, choose: Choice): Promise<Told> {
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

export async function cut(site: Site, choose: Choice): Promise<Told> {
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

export async function loseQuorum(site: Site): Promise<Told> {
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

export async function rollingRestart(site: Site): Promise<Told> {
  for (const node of site.nodes.nodes) {
    await node.restart();
    await site.nodes.ready();
    await seconds(1);
  }
  return {};
}

export async function scavenge(site: Site): Promise<Told> {
  for (const { port } of site.nodes.nodes) {
    const url = `http://127.0.0.1:${port}/admin/scavenge`;
    const { status } = await fetch(url, { method: 'POST', headers: { connection: 'close' } });
    if (status !== 200) throw new Error(`${url}: ${status}`);
  }
  await seconds(faultSeconds);
  return {};
}

export async function rebuildMeanwhile(site: Site): Promise<Told> {
  const fromMs = performance.now();
  const rebuilt = site.rebuild();
  const node = await site.leader();
  await node.kill();
  await rebuilt;
  const note = `rebuilt in ${inSeconds(performance.now() - fromMs)} s`;
  await heal(site);
  return { note };
}

export async function startWithoutLeader(site: Site): Promise<Told> {
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

/** Restores yesterday's data: later sales are lost, and the services must report it. */
export async function restore(site: Site, data: string): Promise<Told> {
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
  for (const { url, adminUrl } of site.services) {
    const says = async () => (await projectionState(adminUrl)) === 'other-log';
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
