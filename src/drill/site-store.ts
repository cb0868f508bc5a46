import { join } from 'node:path';
import type { Child } from '../../embedded/child.ts';
import { startEmbeddedEventStore } from '../../embedded/eventstore/start.ts';
import { type ClusterOptions, SiteCluster } from './cluster/site-cluster.ts';
import { type Relay, startRelay, throughRelay } from './relay.ts';

/**
 * The event store of a drill. `own`: the service's, embedded. `faults`: one beside it that takes
 * orders to misbehave. `relay`: one behind a network that can freeze. Else nodes of a real one.
 */
export type StoreWanted = 'own' | 'faults' | 'relay' | ClusterOptions;

/** The event store of a site, when it is not the service's own. */
export interface SiteStore {
  /** As the services have it; undefined: it is their own. */
  readonly url?: string;
  /** Without a relay in between. */
  readonly directUrl?: string;
  readonly child?: Child;
  readonly relay?: Relay;
  readonly cluster?: SiteCluster;
  stop(): Promise<void>;
}

/** @param directory for its data @throws Error when it does not start */
export async function startSiteStore(directory: string, wanted: StoreWanted): Promise<SiteStore> {
  if (wanted === 'own') return { stop: async () => {} };
  if (typeof wanted === 'object') {
    const cluster = await SiteCluster.start(directory, wanted);
    const { url, nodes } = cluster;
    return { url, directUrl: nodes.url, cluster, stop: () => cluster.stop() };
  }
  const data = join(directory, 'eventstore');
  const child = await startEmbeddedEventStore({ data, flags: ['--faults'] });
  const directUrl = child.url;
  if (wanted === 'faults') return { url: directUrl, directUrl, child, stop: () => child.kill() };
  const relay = await startRelay(Number(new URL(directUrl).port));
  return {
    ...{ url: throughRelay(directUrl, relay), directUrl, child, relay },
    async stop() {
      await relay.stop();
      await child.kill();
    },
  };
}
