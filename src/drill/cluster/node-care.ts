import { pause } from '../../support/pause.ts';
import type { Hands } from '../drill-form.ts';
import { backInQuorum, clusterOf, faultMs, heal, killNode, leader } from './node-faults.ts';

/** Between two nodes of a rolling restart, in milliseconds. */
const betweenMs = 1_000;

/** SIGTERM and start of each node, one after another, as an update does it. */
export async function rollingRestart({ site, act, fault, over }: Hands): Promise<void> {
  const { nodes } = clusterOf(site);
  fault();
  over();
  for (const node of nodes.nodes) {
    await act(`node ${node.index} is restarted`, async () => {
      await node.restart();
      await nodes.ready();
    });
    await pause(betweenMs);
  }
}

export async function scavengeNodes({ site, act, fault, over }: Hands): Promise<void> {
  const { nodes } = clusterOf(site).nodes;
  fault();
  over();
  for (const { port, index } of nodes) {
    await act(`a scavenge on node ${index}`, async () => {
      const url = `http://127.0.0.1:${port}/admin/scavenge`;
      const { status } = await fetch(url, { method: 'POST', headers: { connection: 'close' } });
      if (status !== 200) throw new Error(`${url}: ${status}`);
    });
  }
  await pause(faultMs);
}

export async function rebuildWithoutLeader(hands: Hands): Promise<void> {
  const { site, act } = hands;
  const rebuilt = act('reprise rebuild', () => site.mustRun('rebuild'));
  // It may fail while the leader is killed; that is said below.
  rebuilt.catch(() => {});
  await killNode(hands, leader);
  await rebuilt;
}

/** One node of three runs; another service is started; the other nodes follow. */
export async function startWithoutLeader({ site, act, fault, over }: Hands): Promise<void> {
  const followers = await clusterOf(site).followers();
  fault();
  await act('SIGKILL of both followers', () => Promise.all(followers.map((one) => one.kill())));
  const service = await site.another();
  const started = act('another service starts', () => service.start());
  try {
    await Promise.race([pause(faultMs), failureOf(started)]);
    await backInQuorum({ site, act, over });
    await started;
  } finally {
    started.catch(() => {});
    await heal(clusterOf(site));
    await service.kill();
  }
}

/** Rejects when the work fails, and never resolves. */
const failureOf = (work: Promise<unknown>): Promise<never> =>
  new Promise((_, reject) => {
    work.catch(reject);
  });
