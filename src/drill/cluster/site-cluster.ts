import { join } from 'node:path';
import { type Relay, startRelay } from '../relay.ts';
import { type SmallDisk, smallDisk } from '../small-disk.ts';
import type { EventStoreNode } from './eventstore-node.ts';
import { type EventStoreNodes, startEventStoreNodes } from './eventstore-nodes.ts';

/** The nodes of a real event store that a drill needs. */
export interface ClusterOptions {
  readonly nodes: 1 | 3;
  /** What follows `tls=false` in the services' connection string: `&nodePreference=follower`. */
  readonly settings?: string;
  /** A relay before each node, which can be cut. */
  readonly relayed?: true;
  /** Further options of every node. */
  readonly args?: readonly string[];
  /** The data is on a disk of its own of so many megabytes. */
  readonly diskMegabytes?: number;
}

/** Nodes of a real event store, and the way to them. */
export class SiteCluster {
  readonly nodes: EventStoreNodes;
  /** As the services have it. */
  readonly url: string;
  /** One before each node, or none. */
  readonly relays: readonly Relay[];
  /** Where the nodes keep their data: node `n` in `node-<n>/data`. */
  readonly data: string;
  readonly disk: SmallDisk | undefined;

  private constructor(parts: Pick<SiteCluster, 'nodes' | 'url' | 'relays' | 'data' | 'disk'>) {
    this.nodes = parts.nodes;
    this.url = parts.url;
    this.relays = parts.relays;
    this.data = parts.data;
    this.disk = parts.disk;
  }

  /** @param directory for the data @throws Error when the nodes do not start */
  static async start(directory: string, options: ClusterOptions): Promise<SiteCluster> {
    const { nodes: count, settings = '', relayed, args = [], diskMegabytes } = options;
    const disk = diskMegabytes === undefined ? undefined : await smallDisk(diskMegabytes);
    const data = disk?.path ?? join(directory, 'nodes');
    const relays = relayed
      ? await Promise.all(Array.from({ length: count }, () => startRelay(undefined)))
      : [];
    try {
      const nodes = await startEventStoreNodes({
        ...{ count, data, args: (index) => [...args, ...advertised(relays[index])] },
      });
      relays.forEach((relay, index) => void relay.lead(nodes.nodes[index]?.port));
      const hosts = relays.map(({ port }) => `127.0.0.1:${port}`).join(',');
      const url = (hosts === '' ? nodes.url : `esdb://${hosts}?tls=false`) + settings;
      return new SiteCluster({ nodes, url, relays, data, disk });
    } catch (error) {
      await Promise.all(relays.map((relay) => relay.stop()));
      await disk?.remove();
      throw error;
    }
  }

  /** The node that most of the nodes name as the leader, also where clients are sent to relays. */
  leader(): Promise<EventStoreNode> {
    const { relays, nodes } = this;
    return nodes.leader(relays.length === 0 ? undefined : relays.map(({ port }) => port));
  }

  async followers(): Promise<EventStoreNode[]> {
    const leader = await this.leader();
    return this.nodes.nodes.filter((node) => node !== leader);
  }

  async stop(): Promise<void> {
    await Promise.all(this.relays.map((relay) => relay.stop()));
    await this.nodes.stop();
    await this.disk?.remove();
  }
}

/** The address that a node tells its clients. */
const advertised = (relay: Relay | undefined): string[] =>
  relay === undefined
    ? []
    : [
        ...['--advertise-host-to-client-as', '127.0.0.1'],
        ...['--advertise-node-port-to-client-as', `${relay.port}`],
      ];
