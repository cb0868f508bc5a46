import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import type { Running } from './run-reprise.ts';
import type { Site } from './site.ts';

/** The longest time until a new event is in the archive, in seconds. */
const everySeconds = '1';
/** Until the archive follows the log, in milliseconds. */
const followsMs = 60_000;
const listsMs = 30_000;

const archiveOf = (site: Site): string => join(site.service.dataDir, 'backup');

/** `reprise backup follow`, beside the service, as operators run it. */
const followers = new WeakMap<Site, Running>();

/**
 * The disk of the event store is lost during the sale. The archive is on another disk, so the
 * process that writes it lives on, and writes what it has read.
 */
export const restoreDrill: Drill = {
  name: 'restore',
  about:
    'the event store and its data are lost during the sale; an operator restores the backup that followed the log',
  expected:
    'the backup has every acknowledged fact; the sale is closed until an operator opens it; the proof finds no violation',
  public: {
    en: 'We destroyed the records of sales, and brought them back from a copy.',
    ko: '판매 기록을 모두 없앤 뒤, 따로 보관해 둔 사본으로 복원했습니다.',
  },
  bounds: { recoverAfterFaultMax: usualBounds.recoverAfterFaultMax, slowestMax: 10 },
  rings: 'RepriseRestarted',
  site: {},
  async prepare({ site, act }) {
    const args = ['--to', archiveOf(site), '--every', everySeconds];
    const follower = site.start('backup', 'follow', ...args);
    followers.set(site, follower);
    await act('a backup follows the log', () =>
      eventually('it follows', () => /following the log/.test(follower.stdout()), followsMs, 100),
    );
  },
  async method(hands) {
    const { site, act, fault } = hands;
    const storePid = await site.pidOf('event store');
    let killedMs = 0;
    fault();
    await site.supervisor.away(async () => {
      await act('SIGKILL of the event store and of the service', () => {
        process.kill(storePid, 'SIGKILL');
        killedMs = Date.now();
        return site.service.kill();
      });
      await act('the event store’s data is lost', () =>
        rm(join(site.service.dataDir, 'eventstore'), { recursive: true, force: true }),
      );
      await act('the backup stops', () => endFollower(site, 'SIGTERM'));
      await act('reprise restore', async () =>
        endOf(await site.mustRun('restore', archiveOf(site)), killedMs),
      );
      await act('the service starts, with the sale closed', () => site.service.start());
      await act('reprise restore reconcile', async () => {
        const json = await site.mustRun('restore', 'reconcile', '--json');
        hands.reconciled(factsIn(json));
      });
      await act('reprise rebuild', () => site.mustRun('rebuild'));
      await act('the lists are there', () =>
        eventually('they are', async () => (await listsStatus(site)) === 200, listsMs, 100),
      );
      // Ends with the recovery check.
      await act('reprise restore open', () =>
        site.mustRun('restore', 'open', '--reason', 'a drill: its buyers are programs'),
      );
    });
    hands.over();
  },
  async rollback({ site }: Hands) {
    await endFollower(site, 'SIGKILL');
  },
};

async function endFollower(site: Site, signal: NodeJS.Signals): Promise<void> {
  const follower = followers.get(site);
  follower?.signal(signal);
  await follower?.done;
}

/** What `reprise restore` says about the archive's last event. */
function endOf(output: string, killedMs: number): string {
  const last = /the last at (\S+)/.exec(output)?.[1] ?? '';
  return `the last event of the backup is ${killedMs - Date.parse(last)} ms older than the fault`;
}

async function listsStatus(site: Site): Promise<number> {
  return (await site.service.call('GET', '/concert/c1/session')).status;
}

interface Missing {
  readonly id: string;
}

/** The reservations that differ from the old tables. */
function factsIn(output: string): string[] {
  const { missing } = JSON.parse(output.replace(/^[^{]*/, '')) as { missing: readonly Missing[] };
  return missing.map(({ id }) => id.replace(/^pay\./, ''));
}
