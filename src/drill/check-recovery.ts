import { z } from 'zod';
import type { Site } from './site.ts';

/** What `reprise check --json` prints, as far as a drill reads it. */
const checkSchema = z.looseObject({
  checks: z.array(z.object({ name: z.string(), outcome: z.string(), detail: z.string() })),
});

/** What of a site is needed to check it. */
interface CheckedSite extends Pick<Site, 'start'> {
  readonly services: readonly Pick<Site['service'], 'url' | 'adminUrl'>[];
}

/** What `reprise check` said of every service. */
export interface Recovery {
  /** Of a line that is not ok, with its service; empty when all that was checked is ok. */
  readonly failed: readonly string[];
  readonly said: string;
}

/**
 * Runs `reprise check` for each service, as an operator does after a repair.
 * @throws Error when it could not run
 */
export async function checkRecovery(site: CheckedSite): Promise<Recovery> {
  const failed: string[] = [];
  const said: string[] = [];
  for (const { url, adminUrl } of site.services) {
    const args = ['check', '--json', '--url', url, '--admin', adminUrl];
    const { code, stdout, stderr } = await site.start(...args).done;
    if (code === null || stdout === '') throw new Error(`reprise check: ${code}: ${stderr}`);
    const { checks } = checkSchema.parse(JSON.parse(stdout));
    for (const { name, outcome, detail } of checks) {
      const line = `${name} ${outcome}: ${detail}`;
      said.push(line);
      if (outcome === 'failed' || outcome === 'unknown') failed.push(line);
    }
    if (code !== 0 && failed.length === 0) failed.push(`exit code ${code}`);
  }
  return { failed, said: said.join('\n') };
}
