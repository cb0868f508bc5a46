import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArchiveWriter } from '../../../src/backup/archive-writer.ts';
import { makeArchive } from '../../../src/backup/archives.ts';
import { SegmentText } from '../../../src/backup/segment.ts';
import type { RawEvent } from '../../../src/infrastructure/raw-log.ts';

const directories: string[] = [];

// Loaded with the test files, outside any `describe`: this is a hook of the whole run.
if (typeof after === 'function') {
  after('remove the archives that tests made', async () => {
    for (const directory of directories) await rm(directory, { recursive: true, force: true });
  });
}

/** A directory for archives, removed after the run. */
export async function archiveParent(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'reprise-archives-'));
  directories.push(parent);
  return parent;
}

let position = 0n;

/** An event after all that were made before. */
export function madeEvent(
  stream: string,
  revision: number,
  fields: Partial<RawEvent> = {},
): RawEvent {
  position += 100n;
  return {
    ...{ id: randomUUID(), stream, revision: BigInt(revision), position, type: 'Happened' },
    ...{ created: '17776416000001234', contentType: 'application/json' },
    metadata: Buffer.from('{"schemaVersion":1}'),
    data: Buffer.from(`{"n":${position}}`),
    ...fields,
  };
}

/** So many segments of so many events each, of one stream. */
export async function makeSegments(
  parent: string,
  segments: number,
  events = 3,
): Promise<{ readonly directory: string; readonly events: readonly RawEvent[] }> {
  const id = await makeArchive(parent, new Date());
  const directory = join(parent, id);
  const writer = await ArchiveWriter.open(directory, { version: 'test' });
  const all: RawEvent[] = [];
  for (let segment = 0; segment < segments; segment += 1) {
    const text = new SegmentText();
    for (let event = 0; event < events; event += 1) {
      const made = madeEvent(`seat-${id}/A-1-1`, all.length);
      all.push(made);
      text.add(made);
    }
    await writer.write(text);
  }
  writer.close();
  return { directory, events: all };
}
