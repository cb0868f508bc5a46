import type { EventStoreDBClient } from '@eventstore/db-client';
import { isRealEventStore, sharedEventStoreUrl } from '../../support/servers.ts';
import { connect } from './client.ts';
import { EmbeddedServer, type OwnServer, startOwnServer } from './own-server.ts';

/** The server that EVENTSTORE_URL names: shared and not empty, and not ours to stop. */
export const externalUrl = sharedEventStoreUrl;

/**
 * The cases run on a real server, whose settings and version may be others than the embedded one's.
 */
export const isReal = isRealEventStore;

/**
 * The whole suite with an embedded server that sends another version's checkpoints:
 * `CHECKPOINTS=25.0`.
 */
const { CHECKPOINTS } = process.env;
const ownArgs = CHECKPOINTS ? ['--checkpoints', CHECKPOINTS] : [];

/** What the cases of one file talk to. Filled before its first test, given back after its last. */
export interface Subject {
  readonly url: string;
  readonly client: EventStoreDBClient;
  /** A second client, with a connection and a batch stream of its own. */
  readonly other: EventStoreDBClient;
  /** The embedded server's process, on this machine; undefined for a real one. */
  readonly pid: number | undefined;
}

/**
 * The server of EVENTSTORE_URL, or an own one, for the `describe` that calls this.
 * @param args flags of an embedded one: a real one is as it is
 */
export function useSubject(args: readonly string[] = []): Subject {
  const subject: { -readonly [K in keyof Subject]?: Subject[K] } = {};
  let own: OwnServer | undefined;
  before(async () => {
    if (externalUrl === undefined) own = await startOwnServer([...ownArgs, ...args]);
    subject.url = externalUrl ?? (own as OwnServer).url;
    subject.pid = own instanceof EmbeddedServer ? own.pid : undefined;
    subject.client = connect(subject.url);
    subject.other = connect(subject.url);
  });
  after(async () => {
    await subject.client?.dispose();
    await subject.other?.dispose();
    await own?.dispose();
  });
  return subject as Subject;
}

/**
 * A case that stops or kills its server. On one of EVENTSTORE_URL it is reported as skipped, with
 * the reason.
 */
export function itWithOwnServer(name: string, reason: string, test: () => Promise<void>): void {
  if (externalUrl === undefined) it(name, test);
  else it.skip(`${name} [skipped: ${reason}, set EVENTSTORE_BIN]`);
}

/**
 * A case of what only the embedded server does or tells. On a real one it is reported as skipped,
 * with the reason.
 */
export function itWithEmbeddedServer(
  name: string,
  reason: string,
  test: () => Promise<void>,
): void {
  if (isReal) it.skip(`${name} [skipped: ${reason}]`);
  else it(name, test);
}
