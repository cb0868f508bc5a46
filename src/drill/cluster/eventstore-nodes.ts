import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../free-ports.ts';
import { type EventStoreNode, Node, readyMs, urlOf } from './eventstore-node.ts';

/**
 * Nodes of a real EventStoreDB, started from the executable that EVENTSTORE_BIN names: one, or a
 * cluster of three, in memory or on disk, on 127.0.0.1 without TLS. A drill or a test may kill,
 * hang and start them again. They end with this process, whatever ends it.
 */

/** Between two looks at all nodes, in milliseconds. */
const pollMs = 100;

/** Between two looks at what the nodes say while they start, in milliseconds. */
const corruptPollMs = 1_000;

/**
 * How often nodes are started on new ports because something else took theirs, or anew because they
 * did not come together.
 */
const startsMax = 3;

/** The nodes of one server. */
export interface EventStoreNodes {
  /**
   * The connection string: of the node, or of all three, which the client looks through by gossip.
   */
  readonly url: string;
  /** As the server tells it: `24.10.4.0`. */
  readonly version: string;
  readonly nodes: readonly EventStoreNode[];
  /**
   * The leader that a majority names, once there is one and it is alive.
   * @param advertised the ports that the nodes tell their clients; their own unless told
   * @throws Error after 90 s, with the ends of the logs
   */
  leader(advertised?: readonly number[]): Promise<EventStoreNode>;
  /**
   * Waits until every node runs in a role, one as leader. One that ended by itself is started
   * again, as its supervisor would: a former leader that comes back may end once more, to cut off
   * what it alone has.
   * @throws Error after 90 s, with the ends of the logs
   */
  ready(): Promise<void>;
  /**
   * Ends them and removes what they wrote, other than into a directory that was given. Twice is
   * once.
   */
  stop(): Promise<void>;
}

/** What to start. */
export interface EventStoreNodesOptions {
  /** 1 unless told. */
  readonly count?: 1 | 3;
  /**
   * `memory`: a node that was ended begins empty, unless others of its cluster hold the log.
   * `disk`: in a temporary directory. Anything else is a directory, made where it is missing, which
   * stays. `memory` unless told.
   */
  readonly data?: string;
  /** More options for every node, `['--max-append-size', '2097152']`, or for each by its index. */
  readonly args?: readonly string[] | ((index: number) => readonly string[]);
}

/**
 * Starts nodes on free ports and waits until each has its role, one as leader.
 * @throws Error when EVENTSTORE_BIN is not set, or when they are not ready within 90 s, with the
 *   ends of their logs
 */
export async function startEventStoreNodes(
  options: EventStoreNodesOptions = {},
): Promise<EventStoreNodes> {
  for (let start = 1; ; start++) {
    const nodes = await Nodes.on(options);
    try {
      await nodes.start();
      return nodes;
    } catch (error) {
      await nodes.stop();
      if (!isWorthAnother(error) || start === startsMax) throw error;
    }
  }
}

/**
 * Three empty nodes on a busy machine may elect two leaders one after another. The one that has to
 * drop what it wrote finds its own checkpoints corrupt then, and never comes.
 */
const corrupt = /Corrupt database detected/;

const isWorthAnother = (error: unknown): boolean =>
  /address already in use/i.test(String(error)) || corrupt.test(String(error));

class Nodes implements EventStoreNodes {
  readonly nodes: readonly Node[];
  readonly url: string;
  version = '';
  readonly #temporary: string;

  private constructor(nodes: readonly Node[], temporary: string) {
    this.nodes = nodes;
    this.#temporary = temporary;
    this.url = urlOf(nodes.map(({ port }) => port));
  }

  static async on({ count = 1, data = 'memory', args = [] }: EventStoreNodesOptions) {
    const temporary = await mkdtemp(path.join(tmpdir(), 'reprise-nodes-'));
    const ports = await freePorts(2 * count);
    const seeds = ports.slice(0, count);
    const nodes = seeds.map((port, index) => {
      const own = path.join(temporary, `node-${index}`);
      const kept = path.join(data === 'disk' ? temporary : data, `node-${index}`, 'data');
      const storage = data === 'memory' ? ['--mem-db'] : ['--db', kept];
      const replication = ports[count + index] as number;
      return new Node(index, port, own, [
        ...storage,
        ...networkOptions(port, replication, seeds),
        ...quietOptions(path.join(own, 'log')),
        ...(typeof args === 'function' ? args(index) : args),
      ]);
    });
    return new Nodes(nodes, temporary);
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    const ready = this.ready();
    await Promise.race([ready, this.#unlessCorrupt(ready)]);
    this.version = await (this.nodes[0] as Node).version();
  }

  async leader(advertised = this.nodes.map(({ port }) => port)): Promise<Node> {
    return this.#until('a majority names a leader', async () => {
      const votes = await Promise.all(this.nodes.map((node) => node.leaderPort()));
      const index = advertised.findIndex(
        (port) => 2 * votes.filter((vote) => vote === port).length > this.nodes.length,
      );
      return this.nodes[index];
    });
  }

  async ready(): Promise<void> {
    await this.#until('every node has its role, one as leader', async () => {
      await Promise.all(this.nodes.filter((node) => node.isMissing).map((node) => node.start()));
      const seen = await Promise.all(this.nodes.map((node) => node.gossip().catch(() => [])));
      const settled = (states: readonly string[]) =>
        states.filter((state) => state === 'Leader').length === 1 &&
        states.filter((state) => state === 'Follower').length === this.nodes.length - 1;
      return seen.every((members) =>
        settled(members.filter(({ isAlive }) => isAlive).map(({ state }) => state)),
      );
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill('SIGTERM')));
    await rm(this.#temporary, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends when `ready` does. @throws Error when one of them cannot start any more */
  async #unlessCorrupt(ready: Promise<void>): Promise<void> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    ready.then(over, over);
    while (!isOver) {
      for (const node of this.nodes) {
        const tail = await node.logTail();
        if (corrupt.test(tail)) throw new Error(`node ${node.index}: ${corrupt.exec(tail)?.[0]}`);
      }
      await delay(corruptPollMs);
    }
  }

  async #until<T>(what: string, look: () => Promise<T>) {
    try {
      return await eventually(what, look, readyMs, pollMs);
    } catch (error) {
      const tails = await Promise.all(
        this.nodes.map(async (node) => `node ${node.index}:\n${await node.logTail()}`),
      );
      throw new Error(`${(error as Error).message}\n${tails.join('\n')}`, { cause: error });
    }
  }
}

function networkOptions(port: number, replication: number, seeds: readonly number[]): string[] {
  const others = seeds.filter((seed) => seed !== port).map((seed) => `127.0.0.1:${seed}`);
  return [
    '--insecure',
    ...['--node-ip', '127.0.0.1', '--node-port', `${port}`],
    ...['--replication-ip', '127.0.0.1', '--replication-port', `${replication}`],
    ...['--cluster-size', `${seeds.length}`, '--discover-via-dns', 'false'],
    ...(others.length > 0 ? ['--gossip-seed', others.join(',')] : []),
  ];
}

/**
 * No log file and no statistics, the output says enough. The default filter of 256 MB is for many
 * more streams.
 */
function quietOptions(log: string): string[] {
  return [
    ...['--log', log, '--disable-log-file', '--stats-period-sec', '36000'],
    ...['--log-level', 'Information'],
    ...['--stream-existence-filter-size', '10000000'],
  ];
}
