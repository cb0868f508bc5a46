import type { EventStoreDBClient } from '@eventstore/db-client';
import { connect } from './client.ts';
import { OwnServer } from './own-server.ts';

/** The server that EVENTSTORE_URL names: shared and not empty, and not ours to stop. */
export const externalUrl = process.env.EVENTSTORE_URL || undefined;

export const isExternal = externalUrl !== undefined;

/** The whole suite with an embedded server that sends another version's checkpoints: `CHECKPOINTS=25.0`. */
const { CHECKPOINTS } = process.env;
const ownArgs = CHECKPOINTS ? ['--checkpoints', CHECKPOINTS] : [];

/** What the cases of one file talk to. Filled before its first test, given back after its last. */
export interface Subject {
  readonly url: string;
  readonly client: EventStoreDBClient;
  /** A second client, with a connection and a batch stream of its own. */
  readonly other: EventStoreDBClient;
  /** The server's process, on this machine; undefined for one that EVENTSTORE_URL names. */
  readonly pid: number | undefined;
}

/**
 * One embedded server, or the one of EVENTSTORE_URL, for the `describe` that calls this.
 * @param args flags of the embedded one
 */
export function useSubject(args: readonly string[] = []): Subject {
  const subject: { -readonly [K in keyof Subject]?: Subject[K] } = {};
  let own: OwnServer | undefined;
  before(async () => {
    if (externalUrl === undefined) own = await OwnServer.start({ args: [...ownArgs, ...args] });
    subject.url = externalUrl ?? (own as OwnServer).url;
    subject.pid = own?.pid;
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
 * A case that stops, kills or faults its server, or looks into its process. Against a server of EVENTSTORE_URL it is
 * reported as skipped, with the reason in its name.
 */
export function itWithOwnServer(name: string, reason: string, test: () => Promise<void>): void {
  if (isExternal) it.skip(`${name} [skipped: ${reason}]`);
  else it(name, test);
}
