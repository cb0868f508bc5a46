import { randomUUID } from 'node:crypto';
import type { EventStore } from '../commands/core/event-store.ts';
import { decode, UnreadableEvent } from '../events/codec.ts';
import { releasesStream } from '../events/streams.ts';
import { versionOf } from '../events/upcasters.ts';
import { type Contract, contractHash } from './contract.ts';

/** A version that served a log. */
export interface Release {
  readonly version: string;
  readonly contract: string;
  readonly node: string;
  readonly at: string;
  /** The position of the note in the log, and its revision. */
  readonly position: bigint;
  readonly revision: bigint;
}

/** The number of newest releases that are read. A deployment writes one. */
const releasesMax = 1_000;

/**
 * The versions that served a log, oldest first.
 * @throws the errors of the log's port
 */
export async function readReleases(store: Pick<EventStore, 'readStream'>): Promise<Release[]> {
  const releases: Release[] = [];
  for await (const recorded of store.readStream(releasesStream)) {
    try {
      const { type, data } = decode(recorded);
      if (type === 'ReleaseServed') {
        const { position, revision } = recorded;
        releases.push({ ...data, position, revision });
      }
    } catch (error) {
      if (!(error instanceof UnreadableEvent)) throw error;
    }
    if (releases.length > releasesMax) releases.shift();
  }
  return releases;
}

/**
 * Notes in the log that this version serves it, unless the last note says so. If two versions serve
 * at the same time, each writes one note. The order of the two notes does not matter.
 * @throws the errors of the log's port
 */
export async function noteRelease(
  store: Pick<EventStore, 'readStream' | 'append'>,
  contract: Contract,
): Promise<void> {
  const { version } = contract;
  const last = (await readReleases(store)).at(-1);
  const hash = contractHash(contract);
  if (last?.version === version && last.contract === hash) return;
  const at = new Date().toISOString();
  const data = { version, contract: hash, node: process.version, at };
  const metadata = {
    schemaVersion: versionOf('ReleaseServed'),
    ...{ command: 'Serve', commandId: randomUUID(), actor: 'service' },
  };
  const event = { type: 'ReleaseServed', data } as const;
  // If another instance writes a note at the same moment, only that note is written now. This one
  // follows next time.
  const expected = last?.revision ?? 'no_stream';
  await store.append(releasesStream, expected, [{ id: randomUUID(), event, metadata }]);
}
