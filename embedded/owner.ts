import { readFileSync } from 'node:fs';

/** Who wrote a file that says "in use": process ids come again, in containers the very same ones. */
export interface Owner {
  readonly pid: number;
  /** From `startTime`. */
  readonly started: string;
}

/** This process. */
export const ownSelf = (): Owner => ({ pid: process.pid, started: startTime(process.pid) });

/** Whether the owner that an earlier process wrote down is still running. Processes of this machine (and container) only. */
export function isRunning(owner: Owner): boolean {
  // Our own id in what we did not write: an earlier process had it (usual in containers).
  if (owner.pid === process.pid) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startTime(owner.pid) === owner.started;
}

/** Changes when a process id is used again; empty where the system does not tell (no /proc). */
function startTime(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Field 22 of proc(5); the split starts at field 3. A zombie holds nothing any more.
    return afterName[0] === 'Z' ? 'gone' : `${boot}/${afterName[19]}`;
  } catch {
    return '';
  }
}
