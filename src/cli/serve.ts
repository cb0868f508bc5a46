import type { Command } from 'commander';
import { settingList } from '../config/settings.ts';
import { readConfig } from '../config.ts';
import { table } from './table.ts';
import { version } from './version.ts';

/** `reprise serve`. Its composition is `src/serve/`. */
export function defineServe(command: Command): void {
  command
    .addHelpText(
      'after',
      `
Settings (environment variables):
${settingsTable()}

Examples:
  $ reprise serve
  $ PORT=8080 DATA_DIR=/var/lib/reprise DEMO=off reprise serve
  $ EVENTSTORE_URL='esdb://localhost:2113?tls=false' REDIS_URL=redis://localhost reprise serve

Ctrl-C stops the service. It first answers the running requests, then it stops the embedded servers.
All data stays on disk. SIGTERM does the same after DRAIN_SECONDS. A second signal stops the service
at once.`,
    )
    .action(async () => {
      const { serve } = await import('../serve/run.ts');
      await serve(readConfig(process.env), version);
    });
}

function settingsTable(): string {
  const rows = settingList.map(({ name, about, default: fallback }) => [
    `  ${name}`,
    `${about.replaceAll('`', '')}${fallback === '' ? '' : ` (default ${fallback})`}`,
  ]);
  return table(rows).join('\n');
}
