import { readdir, readFile } from 'node:fs/promises';

/** The kernel's clock ticks a second, as /proc counts processor time. */
const ticksPerSecond = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** Its own and that of its children that have ended, in milliseconds. */
  readonly cpuMs: number;
}

async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    // The second field may have spaces; what follows it has none (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
    return { pid, parent: Number(fields[1]), command, cpuMs: (1_000 * ticks) / ticksPerSecond };
  } catch {
    return undefined; // it has ended
  }
}

/** Processor time of a service so far, in milliseconds, by what it is spent in. Linux only. */
export interface ServiceCpu {
  readonly service: number;
  readonly eventStore: number;
  readonly postgres: number;
}

/** @param pid of the service, whose embedded servers are its children */
export async function serviceCpu(pid: number): Promise<ServiceCpu> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(readProcess))).filter((one) => one !== undefined);
  const spent = { service: 0, eventStore: 0, postgres: 0 };
  const add = (one: Process, part: keyof ServiceCpu): void => {
    spent[part] += one.cpuMs;
    for (const child of all) {
      if (child.parent === one.pid) add(child, part === 'service' ? partOf(child) : part);
    }
  };
  const service = all.find((one) => one.pid === pid);
  if (service === undefined) throw new Error(`process ${pid} has ended`);
  add(service, 'service');
  return spent;
}

const partOf = ({ command }: Process): keyof ServiceCpu =>
  command.includes('eventstore')
    ? 'eventStore'
    : command.includes('postgres')
      ? 'postgres'
      : 'service';
