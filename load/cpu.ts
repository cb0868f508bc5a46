import { readdir, readFile } from 'node:fs/promises';

/**
 * The kernel counts processor time in hundredths of a second, for every program, on every Linux.
 */
const ticksPerSecond = 100;

/** Interval for reading the time of k6, which cannot be read after its end, in milliseconds. */
const sampleMs = 100;

/** Processor seconds of each part. */
export interface CpuSeconds {
  k6: number;
  api: number;
  eventStore: number;
  postgres: number;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly seconds: number;
  readonly command: string;
}

/**
 * Measures the processor time of a run: of k6, of the service and of the servers that the service
 * started. It needs /proc.
 */
export class CpuMeter {
  readonly #service: number;
  readonly #k6: number;
  readonly #before: CpuSeconds;
  readonly #timer: NodeJS.Timeout;
  #k6Seconds = 0;

  private constructor(service: number, k6: number, before: CpuSeconds) {
    this.#service = service;
    this.#k6 = k6;
    this.#before = before;
    this.#timer = setInterval(async () => {
      this.#k6Seconds = (await readProcess(k6))?.seconds ?? this.#k6Seconds;
    }, sampleMs);
  }

  static async start(service: number, k6: number): Promise<CpuMeter | undefined> {
    if ((await readProcess(process.pid)) === undefined) return undefined;
    return new CpuMeter(service, k6, await ofService(service));
  }

  /** @returns the time since the start. Call it as soon as k6 has ended */
  async stop(): Promise<CpuSeconds> {
    clearInterval(this.#timer);
    const after = await ofService(this.#service);
    return {
      k6: (await readProcess(this.#k6))?.seconds ?? this.#k6Seconds,
      api: after.api - this.#before.api,
      eventStore: after.eventStore - this.#before.eventStore,
      postgres: after.postgres - this.#before.postgres,
    };
  }
}

async function ofService(service: number): Promise<CpuSeconds> {
  const sum: CpuSeconds = { k6: 0, api: 0, eventStore: 0, postgres: 0 };
  for (const { pid, seconds, command } of await familyOf(service)) {
    if (pid === service) sum.api += seconds;
    else if (command.includes('eventstore')) sum.eventStore += seconds;
    else sum.postgres += seconds;
  }
  return sum;
}

/** A process and all its descendants. */
async function familyOf(root: number): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(readProcess))).filter((found) => found !== undefined);
  const family = all.filter(({ pid }) => pid === root);
  for (const member of family) {
    family.push(...all.filter(({ parent }) => parent === member.pid));
  }
  return family;
}

async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    // The name, in parentheses, may contain spaces: the fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { pid, parent: Number(fields[1]), seconds: ticks / ticksPerSecond, command };
  } catch {
    return undefined;
  }
}
