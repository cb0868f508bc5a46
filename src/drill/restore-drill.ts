import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { pause } from '../support/pause.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import type { Running } from './run-reprise.ts';
import type { Site } from './site.ts';

/** The longest time until a new event is in the archive, in seconds. */
const everySeconds = '1';
/** Until the archive follows the log, in milliseconds. */
const followsMs = 60_000;
const listsMs = 30_000;
/** Sales of this long are in no backup, in milliseconds. */
const unfollowedMs = 500;

const archiveOf = (site: Site): string => join(site.service.dataDir, 'backup');

/** `reprise backup follow`, beside the service, as operators run it. */
const followers = new WeakMap<Site, Running>();

/** The disk of the event store is lost during the sale. A backup was running. */
export const restoreDrill: Drill = {
  name: 'restore',
  about:
    'the machine stops, and the event store loses its data; an operator restores the newest backup',
  expected:
    'the facts that the backup does not have are listed before the sale opens; the proof finds no violation',
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
    await act('the backup stops, and the sale goes on', async () => {
      await endFollower(site);
      await pause(unfollowedMs);
    });
    await act('the buyers stop, and the tables have all that they were told', async () => {
      await site.stopBuyers();
      await eventually('they have', async () => (await eventsBehind(site)) === 0, listsMs, 50);
    });
    fault();
    await site.supervisor.away(async () => {
      await act('SIGKILL of the service', () => site.service.kill());
      await act('the event store’s data is lost', () =>
        rm(join(site.service.dataDir, 'eventstore'), { recursive: true, force: true }),
      );
      await act('reprise restore', () => site.mustRun('restore', archiveOf(site)));
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
    site.startBuyers(hands.buyers);
  },
  async rollback({ site }: Hands) {
    await endFollower(site);
  },
};

async function endFollower(site: Site): Promise<void> {
  const follower = followers.get(site);
  follower?.signal('SIGKILL');
  await follower?.done;
}

async function listsStatus(site: Site): Promise<number> {
  return (await site.service.call('GET', '/concert/c1/session')).status;
}

async function eventsBehind({ service }: Site): Promise<number | undefined> {
  const { body } = await service.readyz<{ projection?: { lagEvents: number } }>();
  return body.projection?.lagEvents;
}

interface Missing {
  readonly id: string;
}

/** The reservations that differ from the old tables. */
function factsIn(output: string): string[] {
  const { missing } = JSON.parse(output.replace(/^[^{]*/, '')) as { missing: readonly Missing[] };
  return missing.map(({ id }) => id.replace(/^pay\./, ''));
}
