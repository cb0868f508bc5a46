import { readdir, readFile } from 'node:fs/promises';

/** The kernel's clock ticks per second. /proc counts processor time in these ticks. */
const ticksPerSecond = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** The processor time of a process and of its children that have ended, in milliseconds. */
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

async function readAll(): Promise<readonly Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(readProcess))).filter((one) => one !== undefined);
}

/** The processor time of a service so far, in milliseconds, for each of its parts. Linux only. */
export interface ServiceCpu {
  readonly service: number;
  readonly eventStore: number;
  readonly postgres: number;
}

/** @param pid of the service, whose embedded servers are its children */
export async function serviceCpu(pid: number): Promise<ServiceCpu> {
  const all = await readAll();
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

/** A process of a service. */
export interface Part {
  /** A service of one process is a `worker`. PostgreSQL has several processes. */
  readonly name: 'primary' | 'worker' | 'event store' | 'PostgreSQL';
  readonly pid: number;
  /** The processor time so far, with that of its ended children. */
  readonly cpuMs: number;
}

/** The processes of a service, with their processor time. Linux only. */
export async function partsOf(pid: number): Promise<readonly Part[]> {
  const all = await readAll();
  const childrenOf = (parent: number) => all.filter((one) => one.parent === parent);
  const isWorker = ({ command }: Process) => / serve\b/.test(command);
  const isPrimary = childrenOf(pid).some(isWorker);
  const below = (one: Process, name: Part['name']): Part[] => [
    { name, pid: one.pid, cpuMs: one.cpuMs },
    ...childrenOf(one.pid).flatMap((child) => below(child, name)),
  ];
  const nameOf = (child: Process): Part['name'] => {
    if (isWorker(child)) return 'worker';
    return partOf(child) === 'postgres' ? 'PostgreSQL' : 'event store';
  };
  return [
    { name: isPrimary ? 'primary' : 'worker', pid, cpuMs: await cpuOf(pid) },
    ...childrenOf(pid).flatMap((child) => below(child, nameOf(child))),
  ];
}

/** The processor time of one process so far, in milliseconds; 0 if it has ended. Linux only. */
export const cpuOf = async (pid: number): Promise<number> => (await readProcess(pid))?.cpuMs ?? 0;
