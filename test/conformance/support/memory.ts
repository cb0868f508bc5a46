import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Where there is no /proc, a process's memory cannot be told from here. */
export const canMeasureMemory = process.platform === 'linux';

/**
 * Megabytes of a process's own memory, without the pages of files it has mapped: the log is one,
 * and the operating system keeps as much of it in memory as it likes. The least of a few samples,
 * so that what is only waiting for the garbage collector counts less.
 */
export async function ownMegabytes(pid: number, samples = 10): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < samples; sample++) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kilobytes = Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]);
    least = Math.min(least, kilobytes / 1_024);
    await delay(50);
  }
  return least;
}
