import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { type Drill, type Hands, usualBounds } from './drill-form.ts';
import { appendPoison } from './read-side-faults.ts';
import type { Site } from './site.ts';

/** Until the lists are there again, in milliseconds. */
const listsMs = 40_000;

/** What `reprise rollback check` says with its exit code. */
const verdicts = ['safe', 'safe-with-rebuild', 'not-safe'] as const;
type Verdict = (typeof verdicts)[number];

const contractSchema = z.looseObject({ readModels: z.record(z.string(), z.number()) });

interface Contracts {
  /** Of a release that is as this one. */
  readonly same: string;
  /** Of one with other tables: this one is newer. */
  readonly older: string;
}

/** Writes the contracts of two releases before this one, as their own `reprise contract` would. */
async function writeContracts(site: Site): Promise<Contracts> {
  const text = await site.mustRun('contract', '--json');
  const own = contractSchema.parse(JSON.parse(text));
  const [name = '', version = 0] = Object.entries(own.readModels)[0] ?? [];
  const older = {
    ...own,
    version: '0.0.1',
    readModels: { ...own.readModels, [name]: version + 1 },
  };
  const paths = {
    same: join(site.service.dataDir, 'contract-same.json'),
    older: join(site.service.dataDir, 'contract-older.json'),
  };
  await writeFile(paths.same, text);
  await writeFile(paths.older, JSON.stringify(older));
  return paths;
}

/** @throws Error when `reprise rollback check` says something else */
async function says(site: Site, file: string, verdict: Verdict): Promise<string> {
  const { code, stdout, stderr } = await site.start('rollback', 'check', file).done;
  const said = verdicts[code ?? -1] ?? `exit code ${code}`;
  if (said !== verdict) throw new Error(`it says ${said}, not ${verdict}: ${stdout}${stderr}`);
  return said;
}

const contracts = new WeakMap<Site, Contracts>();

function contractsOf(site: Site): Contracts {
  const made = contracts.get(site);
  if (made === undefined) throw new Error('there are no contracts');
  return made;
}

async function rollBackTables({ site, act }: Hands, { older }: Contracts): Promise<void> {
  await site.supervisor.away(async () => {
    await act('every instance stops', () => site.service.terminate());
    await act('reprise rollback tables', () => site.mustRun('rollback', 'tables', older));
    await act('the other release starts', () => site.service.start());
  });
  await act('its lists are there', () =>
    eventually(
      'they are',
      async () => (await site.service.call('GET', '/concert/c1/session')).status === 200,
      listsMs,
      100,
    ),
  );
}

/** One release is rolled back. Another release wrote an event that no earlier version can read. */
export const badReleaseDrill: Drill = {
  name: 'bad-release',
  about:
    'first, a release is rolled back; second, a release writes an event that no older version can read',
  expected:
    'for the first release, the check says “safe with a rebuild”, and this is true; for the second, it says “not safe”, and nothing changes',
  public: {
    en: 'We took back a new version of the ticket service while tickets were being sold.',
    ko: '티켓이 판매되는 도중에 판매 서비스를 이전 버전으로 되돌렸습니다.',
  },
  bounds: usualBounds,
  rings: 'EventsParked',
  site: {},
  async prepare({ site, act }) {
    const made = await writeContracts(site);
    contracts.set(site, made);
    await act('rollback check of the same release: safe', () => says(site, made.same, 'safe'));
  },
  async method(hands) {
    const { site, act, fault, over } = hands;
    const made = contractsOf(site);
    await act('rollback check of a release with other tables: safe with a rebuild', () =>
      says(site, made.older, 'safe-with-rebuild'),
    );
    fault();
    await rollBackTables(hands, made);
    const event = await act('an event of version 99', () => appendPoison(site));
    await act('rollback check: not safe', () => says(site, made.same, 'not-safe'));
    await act('reprise rollback tables refuses', async () => {
      const { code, stderr } = await site.start('rollback', 'tables', made.older).done;
      if (code === 0 || !stderr.includes('Nothing was changed')) {
        throw new Error(`it ended with ${code}: ${stderr}`);
      }
    });
    const answers = ['--reason', 'a drill', '--accept-loss', '--yes'];
    await act('reprise projections skip', () =>
      site.mustRun('projections', 'skip', event, ...answers),
    );
    over();
  },
};
