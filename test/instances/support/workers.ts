import { readdir, readFile } from 'node:fs/promises';

/** The process ids of a service's workers. Linux only. */
export async function workerPids(primary: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
        // The second field may have spaces; what follows it has none (proc(5)).
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
        return parent === primary && command.includes('\0serve') ? pid : undefined;
      } catch {
        return undefined; // it has ended
      }
    }),
  );
  return found.filter((pid) => pid !== undefined);
}
