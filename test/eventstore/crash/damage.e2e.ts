import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect, events, idsIn, unique } from '../../conformance/support/client.ts';
import { EmbeddedServer } from '../../conformance/support/own-server.ts';
import { refusesToStart } from './refuses-to-start.ts';

describe('event store: a damaged data directory', () => {
  /** One with a few hundred events, to be copied. */
  let undamaged: string;
  let stream: string;
  let ids: string[];
  let directory: string;

  before(async () => {
    undamaged = await mkdtemp(join(tmpdir(), 'eventstore-undamaged-'));
    ({ stream, ids } = await writeSome(undamaged));
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'eventstore-damaged-'));
    await cp(undamaged, directory, { recursive: true });
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  after(() => rm(undamaged, { recursive: true, force: true }));

  const damages: Record<string, (file: string) => Promise<void>> = {
    'its beginning overwritten': async (file) => {
      const content = await readFile(file);
      content.fill(0xa5, 0, 16_384);
      await writeFile(file, content);
    },
    'four pages in the middle overwritten': (file) => overwriteMiddle(file, 0xa5),
    'four pages in the middle lost': (file) => overwriteMiddle(file, 0),
    'cut off in the middle': async (file) => truncate(file, Math.floor((await usedOf(file)) / 2)),
    'cut off by a few pages': async (file) => truncate(file, (await usedOf(file)) - 4 * 4_096),
    'cut off in the middle of its first page': (file) => truncate(file, 1_000),
    empty: (file) => truncate(file, 0),
    'another kind of file': (file) => writeFile(file, 'SQLite format 3\0'.repeat(10_000)),
  };

  for (const [what, damage] of Object.entries(damages)) {
    it(`${what}: refused at start with what to do, and left as it is`, async () => {
      const file = await largestFileIn(directory);
      await damage(file);
      const before = await hashOf(file);
      await refusesToStart(directory, /damaged[\s\S]*(backup|restore|another|empty)/i);
      expect(await hashOf(file), 'nothing was changed').to.equal(before);
    });
  }

  it('undamaged, the same directory is opened (negative control)', async () => {
    const server = await EmbeddedServer.start({ directory });
    const client = connect(server.url);
    try {
      expect(await idsIn(client, stream)).to.deep.equal(ids);
    } finally {
      await client.dispose();
      await server.dispose();
    }
  });
});

async function overwriteMiddle(file: string, byte: number): Promise<void> {
  const content = await readFile(file);
  const middle = Math.floor((await usedOf(file)) / 2 / 4_096) * 4_096;
  content.fill(byte, middle, middle + 4 * 4_096);
  await writeFile(file, content);
}

/** Runs a server on a directory, writes a few hundred events to it and stops it. */
async function writeSome(directory: string): Promise<{ stream: string; ids: string[] }> {
  const server = await EmbeddedServer.start({ directory });
  const client = connect(server.url);
  const stream = unique('some');
  try {
    for (let append = 0; append < 20; append++) await client.appendToStream(stream, events(50));
    return { stream, ids: await idsIn(client, stream) };
  } finally {
    await client.dispose();
    await server.dispose();
  }
}

/** Bytes of a log file that hold something: zeros behind them are room for what comes. */
async function usedOf(file: string): Promise<number> {
  const content = await readFile(file);
  return content.findLastIndex((byte) => byte !== 0) + 1;
}

async function largestFileIn(directory: string): Promise<string> {
  const files = (await readdir(directory, { withFileTypes: true, recursive: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const largest = files[sizes.indexOf(Math.max(...sizes))];
  if (largest === undefined) throw new Error(`no file in ${directory}`);
  return largest;
}

async function hashOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
