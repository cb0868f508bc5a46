import type { Violation } from '../../../src/verify/finding.ts';
import { type Verdict, verify } from '../../../src/verify/verify-log.ts';
import { sharedEventStoreUrl } from '../../support/servers.ts';

/**
 * What `verify` says, and what it finds wrong with a test's own streams and rows. To a shared log
 * others write, too, and some of their tests on purpose what must not be.
 * @param tag in every id that the test uses
 */
export async function verifyOf(
  tag: string,
  servers: { readonly eventStoreUrl: string; readonly postgresUrl?: string },
): Promise<Verdict & { readonly ours: readonly Violation[] }> {
  const verdict = await verify({ ...servers, listedMax: 100_000 });
  const isOurs = ({ stream = '', row = '' }: Violation): boolean =>
    sharedEventStoreUrl === undefined || stream.includes(tag) || row.includes(tag);
  return { ...verdict, ours: verdict.violations.listed.filter(isOurs) };
}
