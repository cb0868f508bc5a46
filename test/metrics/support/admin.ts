import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdminServer } from '../../../src/http/admin.ts';
import { allowedHosts } from '../../../src/http/allowed-hosts.ts';
import { tellReadiness } from '../../../src/http/routes/health.ts';
import { createHttpServer } from '../../../src/http/server.ts';
import { ServiceMetrics } from '../../../src/metrics/service-metrics.ts';
import type { UnfinishedWork } from '../../../src/queries/unfinished-work.ts';
import { type FakeApi, fakeApi } from '../../http/support/fake-api.ts';

export interface Admin {
  readonly fake: FakeApi;
  readonly metrics: ServiceMetrics;
  /** Of the API, and of the admin listener. */
  readonly apiUrl: string;
  readonly url: string;
  /** DATA_DIR, for notes of commands. */
  readonly dataDir: string;
  /** The metrics by name and labels, as `name{a="b"}`. */
  values(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

const noWork: UnfinishedWork = {
  holds: 0,
  holdsOverdue: 0,
  holdsOverdueOldestSeconds: 0,
  paymentsOpen: 0,
  paymentsOpenOldestSeconds: 0,
  refundsDue: 0,
  refundsDueOldestSeconds: 0,
};

/** The real API and its admin listener on free ports, on in-memory ports. */
export async function serveAdmin(
  work: () => Promise<UnfinishedWork> = async () => noWork,
): Promise<Admin> {
  const dataDir = await mkdtemp(join(tmpdir(), 'reprise-admin-'));
  const fake = fakeApi();
  const metrics = new ServiceMetrics('1.2.3');
  const http = createHttpServer(Object.assign(fake, { counts: metrics.counters }));
  const admin = createAdminServer({
    metrics: metrics.page({ http, work, place: { dataDir, eventStoreUrl: undefined } }),
    readyz: () => tellReadiness(http.readiness),
    allowsHost: allowedHosts({ host: '127.0.0.1', allowedHosts: [] }),
  });
  const apiUrl = `http://127.0.0.1:${await http.listen(0, '127.0.0.1')}`;
  const url = `http://127.0.0.1:${await admin.listen(0, '127.0.0.1')}`;
  return {
    ...{ fake, metrics, apiUrl, url, dataDir },
    values: async () => valuesOf(await (await fetch(`${url}/metrics`)).text()),
    async stop() {
      await Promise.all([http.close(0), admin.close(0)]);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The lines of the text format that have a value. */
export const valuesOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    [...text.matchAll(/^([a-z_]+(?:\{.*\})?) (\S+)$/gm)].map(
      ([, name = '', value = '']) => [name, Number(value)] as const,
    ),
  );
