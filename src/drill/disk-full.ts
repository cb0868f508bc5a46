import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { pause } from '../support/pause.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import type { Site } from './site.ts';
import { type SmallDisk, whyNoSmallDisk } from './small-disk.ts';

/** Of the disk with the data of the event store and of PostgreSQL. */
const diskMegabytes = 512;
/** Longest wait until the event store has used the free room in its file, in milliseconds. */
const refusesMs = 40_000;
/** How long the disk stays full after that, in milliseconds. */
const fullMs = 5_000;
/** Steps in which the disk is filled, in bytes: large ones first. */
const steps = [4 * 1_024 * 1_024, 4_096];

function diskOf({ disk }: Site): SmallDisk {
  if (disk === undefined) throw new Error('this site has no disk of its own');
  return disk;
}

const ballastOf = (site: Site): string => join(diskOf(site).path, 'ballast');

/** Writes until nothing can be written any more. @returns how much was written */
async function fill(path: string): Promise<string> {
  const file = await open(path, 'w');
  let bytes = 0;
  try {
    for (const step of steps) {
      const zeros = Buffer.alloc(step);
      for (;;) {
        const written = await file.write(zeros).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error;
          return { bytesWritten: 0 };
        });
        bytes += written.bytesWritten;
        if (written.bytesWritten < step) break;
      }
    }
  } finally {
    await file.close();
  }
  return `${Math.round(bytes / 1_048_576)} MB were free`;
}

/** The number of refused appends, by the answers to buyers. */
const refused = ({ book }: Site): number =>
  book.samples.reduce((sum, { byCode }) => sum + (byCode['event-store-unavailable'] ?? 0), 0);

/** The disk of DATA_DIR is full for a while. */
export const diskFullDrill: Drill = {
  name: 'disk-full',
  about:
    'the disk with the data of the event store and of PostgreSQL is full; later, it has free space again',
  expected:
    'reservations and payments are 503 while the disk is full; lists work; no process ends; afterwards everything works again by itself',
  public: {
    en: 'We let the disk of the ticket service run full, while tickets were being sold.',
    ko: '티켓이 판매되는 도중에 판매 서비스의 디스크를 가득 채웠습니다.',
  },
  bounds: usualBounds,
  site: { diskMegabytes },
  skip: whyNoSmallDisk,
  async method({ site, act, fault, over }: Hands) {
    const before = refused(site);
    const pids = await pidsOf(site);
    fault();
    await act('the disk is filled', () => fill(ballastOf(site)));
    await act('the event store refuses writes', () =>
      eventually('it does', () => refused(site) > before, refusesMs, 50),
    );
    await pause(fullMs);
    await act('there is room again', () => rm(ballastOf(site)));
    over();
    await act('no process has ended', async () => {
      const now = await pidsOf(site);
      if (now !== pids) throw new Error(`before: ${pids}; now: ${now}`);
      return now;
    });
  },
  async rollback({ site }) {
    await rm(ballastOf(site), { force: true });
  },
};

async function pidsOf(site: Site): Promise<string> {
  const store = await site.pidOf('event store');
  const postgres = await site.pidOf('PostgreSQL');
  return `service ${site.service.pid}, event store ${store}, PostgreSQL ${postgres}`;
}
