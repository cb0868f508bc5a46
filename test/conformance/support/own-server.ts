import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventStoreDBClient } from '@eventstore/db-client';
import type { Child } from '../../../embedded/child.ts';
import { startEmbeddedEventStore } from '../../../embedded/eventstore/start.ts';
import { eventStoreBin } from '../../../src/drill/environment.ts';
import { type EventStoreNode, startEventStoreNodes } from '../../support/eventstore-nodes.ts';
import { eventually } from '../../support/eventually.ts';
import { connect } from './client.ts';

/**
 * A server in a process and on a directory of its own, which a test may stop, kill and start again:
 * each start is on the same data and, after the first, on the same port, so that a client finds it
 * again.
 */
export interface OwnServer {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** kill -9; resolves once the process is gone. */
  kill(): Promise<void>;
  dispose(): Promise<void>;
}

/** A node of EVENTSTORE_BIN, else an embedded server with these flags. */
export async function startOwnServer(args: readonly string[] = []): Promise<OwnServer> {
  if (eventStoreBin === undefined) return EmbeddedServer.start({ args });
  const started = await startEventStoreNodes({ data: 'disk' });
  const [node] = started.nodes as [EventStoreNode];
  return {
    url: started.url,
    async start() {
      await node.restart();
      await started.ready();
    },
    stop: () => node.kill('SIGTERM'),
    kill: () => node.kill('SIGKILL'),
    dispose: () => started.stop(),
  };
}

/** An embedded one, whatever the run was given. */
export class EmbeddedServer implements OwnServer {
  readonly directory: string;
  readonly #ownsDirectory: boolean;
  readonly #args: readonly string[];
  #child: Child | undefined;
  #port = 0;

  constructor(directory: string, args: readonly string[], ownsDirectory: boolean) {
    this.directory = directory;
    this.#args = args;
    this.#ownsDirectory = ownsDirectory;
  }

  /**
   * On a new temporary directory, or on `directory`, which then stays after `dispose`. @throws what
   * the server refused to start for.
   */
  static async start(
    options: { directory?: string; args?: readonly string[] } = {},
  ): Promise<EmbeddedServer> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'eventstore-')));
    const server = new EmbeddedServer(
      directory,
      options.args ?? [],
      options.directory === undefined,
    );
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.dispose();
      throw error;
    }
  }

  async start(): Promise<void> {
    const port = String(this.#port);
    const start = () => startEmbeddedEventStore({ data: this.directory, port, flags: this.#args });
    // Something may have the port for a moment: a client that looks for the server can be given it
    // as its own.
    const again = () => eventually(`it starts again on port ${this.#port}`, start);
    this.#child = await (this.#port === 0 ? start() : again());
    this.#port = Number(/:(\d+)/.exec(this.url.slice('esdb://'.length))?.[1]);
  }

  get url(): string {
    return this.#running().url;
  }

  get pid(): number {
    return this.#running().pid;
  }

  get port(): number {
    return this.#port;
  }

  /**
   * Orders the server something over its process channel, such as a fault; resolves with its next
   * message.
   */
  async ask(message: object): Promise<unknown> {
    const child = this.#running();
    const answer = child.nextMessage();
    await child.send(message);
    return answer;
  }

  async stop(): Promise<void> {
    await this.#running().stop();
  }

  async kill(): Promise<void> {
    await this.#running().kill();
  }

  async dispose(): Promise<void> {
    await this.#child?.stop();
    if (this.#ownsDirectory) await rm(this.directory, { recursive: true, force: true });
  }

  #running(): Child {
    if (this.#child === undefined) throw new Error('the server was never started');
    return this.#child;
  }
}

/** An own server and a client for it, both given back afterwards. */
export async function withServer(
  test: (server: OwnServer, client: EventStoreDBClient) => Promise<void>,
): Promise<void> {
  await withClientOf(await startOwnServer(), test);
}

/**
 * An embedded server that takes orders from the test, and a client for it, both given back
 * afterwards.
 */
export async function withFaultyServer(
  test: (server: EmbeddedServer, client: EventStoreDBClient) => Promise<void>,
): Promise<void> {
  await withClientOf(await EmbeddedServer.start({ args: ['--faults'] }), test);
}

async function withClientOf<S extends OwnServer>(
  server: S,
  test: (server: S, client: EventStoreDBClient) => Promise<void>,
): Promise<void> {
  const client = connect(server.url);
  try {
    await test(server, client);
  } finally {
    await client.dispose();
    await server.dispose();
  }
}
