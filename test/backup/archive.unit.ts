import {
  appendFile,
  copyFile,
  mkdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { manifestName, segmentName } from '../../src/backup/archive.ts';
import { ArchiveError, ArchiveWriter } from '../../src/backup/archive-writer.ts';
import {
  archiveIds,
  findArchive,
  lookedAtMs,
  makeArchive,
  prunable,
  removeArchives,
  summarise,
} from '../../src/backup/archives.ts';
import { checkArchive } from '../../src/backup/check.ts';
import { SegmentText } from '../../src/backup/segment.ts';
import * as streams from '../../src/events/streams.ts';
import { archivedPrefixes } from '../../src/events/streams.ts';
import { archiveParent, madeEvent, makeSegments } from './support/archives.ts';

const open = (directory: string) => ArchiveWriter.open(directory, { version: 'test' });

const codesOf = async (directory: string): Promise<string[]> =>
  (await checkArchive(directory)).faults.map(({ code, file }) => `${code} ${file}`);

async function errorOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    expect(error).to.be.instanceOf(ArchiveError);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

describe('an archive', () => {
  it('has every stream that the service writes, and the metadata of each', () => {
    const names = [
      streams.concertStream('1'),
      streams.seatStream('1', 'A'),
      streams.orderStream('1'),
      streams.requestStream('1'),
      streams.accountStream('1'),
      ...Object.values(streams).filter((value) => typeof value === 'string'),
      // It is about one event store, so it is no part of a backup.
    ].filter((name) => name !== streams.releasesStream);
    expect(names).to.include.members(['catalog-sessions', 'skipped-events', 'restored-log']);
    for (const name of names) {
      for (const stream of [name, `$$${name}`]) {
        expect(
          archivedPrefixes.some((prefix) => stream.startsWith(prefix)),
          stream,
        ).to.equal(true);
      }
    }
  });

  it('is whole as it was written', async () => {
    const { directory } = await makeSegments(await archiveParent(), 4);
    const { faults, segments, events, streams: count } = await checkArchive(directory);
    expect({ faults, segments, events, count }).to.deep.equal({
      ...{ faults: [], segments: 4, events: 12, count: 1 },
    });
  });

  it('in which any byte is another one is not whole, and the part is named', async () => {
    const { directory } = await makeSegments(await archiveParent(), 2, 1);
    const path = join(directory, segmentName(2));
    const good = await readFile(path);
    for (let at = 0; at < good.length; at += 1) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      await writeFile(path, bad);
      const codes = await codesOf(directory);
      expect(codes, `byte ${at}`).to.include(`wrong-hash ${segmentName(2)}`);
    }
    await writeFile(path, good);
    expect(await codesOf(directory)).to.deep.equal([]);
  });

  const damage: Record<string, [code: RegExp, harm: (directory: string) => Promise<unknown>]> = {
    'a part in the middle lost': [
      /^segment-missing 000002/,
      (directory) => rm(join(directory, segmentName(2))),
    ],
    'the last part lost': [
      /^segment-missing 000003/,
      (directory) => rm(join(directory, segmentName(3))),
    ],
    'a part cut': [
      /^wrong-hash 000002/,
      (directory) => truncate(join(directory, segmentName(2)), 100),
    ],
    'a part cut, and the manifest lost': [
      /^segment-damaged 000003/,
      async (directory) => {
        await rm(join(directory, manifestName));
        await truncate(join(directory, segmentName(3)), 100);
      },
    ],
    'two parts exchanged, and the manifest lost': [
      /^broken-chain 000001/,
      async (directory) => {
        await rm(join(directory, manifestName));
        await rename(join(directory, segmentName(1)), join(directory, 'x'));
        await rename(join(directory, segmentName(2)), join(directory, segmentName(1)));
        await rename(join(directory, 'x'), join(directory, segmentName(2)));
      },
    ],
    'a part of another archive in the place of one, and the manifest lost': [
      /^broken-chain 000003/,
      async (directory) => {
        await rm(join(directory, manifestName));
        const other = await makeSegments(await archiveParent(), 3);
        await copyFile(join(other.directory, segmentName(3)), join(directory, segmentName(3)));
      },
    ],
    'a file that is none of it': [
      /^strange-file notes.txt/,
      (directory) => writeFile(join(directory, 'notes.txt'), 'x'),
    ],
  };
  for (const [what, [code, harm]] of Object.entries(damage)) {
    it(`with ${what} is not whole`, async () => {
      const { directory } = await makeSegments(await archiveParent(), 3);
      await harm(directory);
      expect((await codesOf(directory)).join('\n')).to.match(code);
    });
  }

  it('with an event missing, or one out of order, is not whole although every hash is right', async () => {
    const parent = await archiveParent();
    const id = await makeArchive(parent, new Date());
    const writer = await open(join(parent, id));
    const text = new SegmentText();
    const [late, early] = [madeEvent('seat-1/A', 0), madeEvent('seat-1/A', 2)];
    text.add(late);
    text.add({ ...early, position: late.position });
    await writer.write(text);
    writer.close();
    expect(await codesOf(writer.directory)).to.deep.equal([
      'wrong-position 000001.jsonl.gz',
      'revision-gap 000001.jsonl.gz',
    ]);
  });

  it('goes on from what a crash left: half a file, half a line of the manifest, or no line of it', async () => {
    const { directory, events } = await makeSegments(await archiveParent(), 2);
    const next = new SegmentText();
    next.add(madeEvent(events[0]?.stream ?? '', events.length));
    await writeFile(join(directory, `${segmentName(3)}.tmp`), 'half');
    await appendFile(join(directory, manifestName), '{"segment":3,"byt');
    let writer = await open(directory);
    expect(writer.last?.segment).to.equal(2);
    await writer.write(next);
    writer.close();
    const lines = (await readFile(join(directory, manifestName), 'utf8')).split('\n');
    expect(lines).to.have.length(4);
    await writeFile(join(directory, manifestName), `${lines[0]}\n`);
    writer = await open(directory);
    expect(writer.last?.segment).to.equal(3);
    writer.close();
    expect(await readFile(join(directory, manifestName), 'utf8')).to.equal(lines.join('\n'));
  });

  it('that has lost its end, a part, or was exchanged is not gone on with', async () => {
    const { directory } = await makeSegments(await archiveParent(), 3);
    const last = join(directory, segmentName(3));
    const good = await readFile(last);
    await rm(last);
    expect(await errorOf(open(directory))).to.match(/lacks segment 3/);
    await writeFile(last, good.subarray(0, 90));
    expect(await errorOf(open(directory))).to.match(/is damaged in segment 3/);
    const other = await makeSegments(await archiveParent(), 3);
    await copyFile(join(other.directory, segmentName(3)), last);
    expect(await errorOf(open(directory))).to.match(/has another segment 3/);
    await writeFile(last, good);
    await rm(join(directory, segmentName(2)));
    expect(await errorOf(open(directory))).to.match(/lacks segment 2/);
  });

  it('has one writer at a time', async () => {
    const { directory } = await makeSegments(await archiveParent(), 1);
    const writer = await open(directory);
    expect(await errorOf(open(directory))).to.match(/in use: process \d+/);
    writer.close();
    (await open(directory)).close();
  });

  it('that cannot be written says so, and is as good as before', async () => {
    const { directory, events } = await makeSegments(await archiveParent(), 1);
    const writer = await open(directory);
    const text = new SegmentText();
    text.add(madeEvent(events[0]?.stream ?? '', events.length));
    // A directory in the place of the file: as root, rights stop nobody.
    await mkdir(join(directory, `${segmentName(2)}.tmp`));
    expect(await errorOf(writer.write(text))).to.match(/could not be written.*as good as before/);
    await rm(join(directory, `${segmentName(2)}.tmp`), { recursive: true });
    await writer.write(text);
    writer.close();
    expect(await codesOf(directory)).to.deep.equal([]);
  });
});

describe('archives beside each other', () => {
  const dayMs = 86_400_000;

  it('are found by their directory, or as the newest of one', async () => {
    const parent = await archiveParent();
    expect(await errorOf(findArchive(parent))).to.match(/no archive in/);
    expect(await errorOf(findArchive(join(parent, 'none')))).to.match(/no directory/);
    const older = await makeArchive(parent, new Date(Date.now() - dayMs));
    const { directory } = await makeSegments(parent, 1);
    expect(await findArchive(parent)).to.equal(directory);
    expect(await findArchive(directory)).to.equal(directory);
    expect((await archiveIds(parent))[0]).to.equal(older);
  });

  it('go when they are old, but for the newest, and those that are written to', async () => {
    const parent = await archiveParent();
    const days = (n: number) => new Date(Date.now() - n * dayMs);
    const ids: string[] = [];
    for (const age of [40, 30, 20, 1]) ids.push(await makeArchive(parent, days(age)));
    const all = () => Promise.all(ids.map((id) => summarise(parent, id)));
    const goes = async (keepDays: number, keep: number) =>
      prunable(await all(), { beforeMs: days(keepDays).getTime(), keep }).map(({ id }) =>
        ids.indexOf(id),
      );
    expect(await goes(14, 2)).to.deep.equal([0, 1]);
    expect(await goes(35, 2)).to.deep.equal([0]);
    expect(await goes(0, 1)).to.deep.equal([0, 1, 2]);
    expect(await goes(0, 0)).to.deep.equal([0, 1, 2, 3]);
    const writer = await open(join(parent, ids[0] ?? ''));
    expect(await goes(14, 2)).to.deep.equal([1]);
    await writer.seen(new Date());
    writer.close();
    expect(await goes(14, 2), 'looked at lately').to.deep.equal([1]);
    expect(lookedAtMs((await all())[0] as never)).to.be.greaterThan(Date.now() - 60_000);
    await removeArchives(parent, [ids[1] ?? '']);
    expect(await archiveIds(parent)).to.deep.equal([ids[0], ids[2], ids[3]]);
  });
});
