import { eventually } from '../../support/eventually.ts';
import { pause } from '../../support/pause.ts';
import type { Hands } from '../drill-form.ts';
import type { Site } from '../site.ts';
import type { EventStoreNode } from './eventstore-node.ts';
import type { SiteCluster } from './site-cluster.ts';

/** How long a node hangs or is cut off, and how long a quorum is missing, in milliseconds. */
export const faultMs = 15_000;
/** How long a node stays away after its effect is over, in milliseconds. */
const holdMs = 3_000;
/** The longest election, in milliseconds. */
const electionMs = 90_000;
const pollMs = 100;

/** @throws Error when the site has no nodes */
export function clusterOf({ store: { cluster } }: Site): SiteCluster {
  if (cluster === undefined) throw new Error('this site has no nodes of a real event store');
  return cluster;
}

/** Which of the nodes a fault hits. */
export type Choice = (cluster: SiteCluster) => Promise<EventStoreNode>;
export const leader: Choice = (cluster) => cluster.leader();
export const follower: Choice = async (cluster) => (await cluster.followers())[0] as EventStoreNode;

/** SIGKILL of a node, which is started again when another one has its role. */
export async function killNode({ site, act, fault, over }: Hands, choose: Choice): Promise<void> {
  const cluster = clusterOf(site);
  const node = await choose(cluster);
  const wasLeader = node === (await cluster.leader());
  fault();
  await act(`SIGKILL of node ${node.index}`, () => node.kill());
  over();
  if (wasLeader) await act('another node leads', () => newLeader(cluster, node));
  await pause(holdMs);
  await act('the node starts', () => heal(cluster));
}

/** SIGSTOP of a node: it holds its connections and answers nothing. */
export async function hangNode({ site, act, fault, over }: Hands, choose: Choice): Promise<void> {
  const cluster = clusterOf(site);
  const node = await choose(cluster);
  const wasLeader = node === (await cluster.leader());
  fault();
  await act(`SIGSTOP of node ${node.index}`, () => node.pause());
  over();
  try {
    const elected = wasLeader
      ? act('another node leads', () => newLeader(cluster, node))
      : undefined;
    await Promise.all([pause(faultMs), elected]);
  } finally {
    await act('the node goes on', () => {
      node.resume();
      return heal(cluster);
    });
  }
}

/**
 * The network between the services and a node carries nothing.
 * @param isNeeded the services cannot do without this node: the fault is over with the cut
 */
export async function cutOffNode(
  { site, act, fault, over }: Hands,
  choose: Choice,
  isNeeded: boolean,
): Promise<void> {
  const cluster = clusterOf(site);
  const { index } = await choose(cluster);
  const relay = cluster.relays[index];
  fault();
  await act(`nothing passes between the services and node ${index}`, () => relay?.silence());
  if (!isNeeded) over();
  await pause(faultMs);
  if (isNeeded) over();
  await act('the network is back', () => relay?.mend());
}

/** Waits until the nodes name another leader than `old`. @returns what it took */
async function newLeader(cluster: SiteCluster, old: EventStoreNode): Promise<string> {
  const fromMs = performance.now();
  const another = async () => (await cluster.leader()) !== old;
  await eventually('there is another leader', another, electionMs, pollMs);
  return `after ${((performance.now() - fromMs) / 1_000).toFixed(1)} s`;
}

/** Starts the nodes that do not run, and waits until every node has its role. */
export async function heal({ nodes }: SiteCluster): Promise<void> {
  const ended = nodes.nodes.filter(({ running }) => !running);
  await Promise.all(ended.map((node) => node.restart()));
  await nodes.ready();
}

/** Both followers of three nodes are killed. */
export async function loseQuorum({ site, act, fault, over }: Hands): Promise<void> {
  const cluster = clusterOf(site);
  const followers = await cluster.followers();
  fault();
  await act('SIGKILL of both followers', () => Promise.all(followers.map((one) => one.kill())));
  await pause(faultMs);
  await backInQuorum({ site, act, over });
}

/** The fault is over when a leader is named again. Resolves when every node has its role. */
export async function backInQuorum({
  site,
  act,
  over,
}: Pick<Hands, 'site' | 'act' | 'over'>): Promise<void> {
  const cluster = clusterOf(site);
  const { nodes } = cluster.nodes;
  const healed = act('the nodes start', () => heal(cluster));
  const someRun = () => nodes.filter(({ running }) => running).length > 1;
  await Promise.all([
    healed,
    (async () => {
      await eventually('a follower runs', someRun, electionMs, pollMs);
      await cluster.leader();
      over();
    })(),
  ]);
}
