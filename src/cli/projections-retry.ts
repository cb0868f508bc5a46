import type { Command } from 'commander';
import { type Config, readConfig } from '../config.ts';
import { projections } from '../projections/models/registry.ts';
import { retryParked } from '../projections/parking/retry.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { counted, parkedLines } from './parked-lines.ts';
import { cancellable, longWrites, withServers } from './with-servers.ts';

/** Streams that are listed. */
const goneLinesMax = 20;

/** `reprise projections retry`. */
export function defineProjectionsRetry(command: Command): void {
  command
    .addHelpText(
      'after',
      `
Deploy a version that can read the parked events, then run this command with it. The command reads
each parked event from the log again and writes it once, in the order of the log. Then the rows are
the same as after a rebuild. If a parked event is no longer in the log, the command removes it from
the parked events, and lists it. The service may be running. If the command is interrupted, run it
again: it continues with the rest.

Example:
  $ reprise projections retry

Exit codes: 0 no event is parked, 1 events stay parked (the command lists them), or the
command failed.`,
    )
    .action(() => retryAll(readConfig(process.env)));
}

/**
 * Sets the exit code to 1 if events stay parked.
 * @throws Error with a message for people if it failed or was cancelled
 */
async function retryAll(config: Config): Promise<void> {
  await withServers(config, { bounds: longWrites }, async (servers) => {
    const meter = new ProgressMeter();
    const onProgress = (done: number, of: number) =>
      meter.show({ doing: 'writing parked events', done, of, unit: 'events' });
    const retried = cancellable('cancelled: the events written so far stay written', (signal) =>
      retryParked({ ...servers, projections, signal, onProgress }),
    );
    const result = await retried.finally(() => meter.clear());
    for (const line of linesOf(result)) console.log(line);
    if (result.remaining.length > 0) process.exitCode = 1;
  });
}

type Retried = Awaited<ReturnType<typeof retryParked>>;

function* linesOf({ written, skipped, gone, remaining }: Retried): Generator<string> {
  if (written + skipped === 0 && gone.size === 0 && remaining.length === 0)
    yield 'nothing is parked';
  if (skipped > 0) yield `skipped: ${counted(skipped, 'event')} that had been parked`;
  if (written > 0) yield `written: ${counted(written, 'event')} that had been parked`;
  yield* goneLines(gone);
  yield* parkedLines(remaining);
}

/**
 * Lines about events that were parked, but that are no longer in the log, or are on a foreign
 * stream.
 */
function* goneLines(gone: ReadonlyMap<string, number>): Generator<string> {
  if (gone.size === 0) return;
  const events = [...gone.values()].reduce((sum, count) => sum + count, 0);
  yield `given up: ${counted(events, 'event')} of ${counted(gone.size, 'stream')}: no longer in the log, or of another program`;
  for (const [stream, count] of [...gone].slice(0, goneLinesMax)) {
    yield `  ${stream}, ${counted(count, 'event')}`;
  }
  const more = gone.size - goneLinesMax;
  if (more > 0) yield `  and ${counted(more, 'stream')} more`;
}
