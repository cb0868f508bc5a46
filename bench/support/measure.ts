import { readFile } from 'node:fs/promises';

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/**
 * The memory of a process in megabytes: its own, and the total with the mapped pages of the log.
 */
export interface Memory {
  readonly own: number;
  readonly resident: number;
}

/** Undefined where there is no /proc. */
export async function memoryOf(pid: number): Promise<Memory | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const megabytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024;
    return { own: megabytes('RssAnon'), resident: megabytes('VmRSS') };
  } catch {
    return undefined;
  }
}

/** Samples a process's memory until somebody calls `stop`. */
export function sampleMemory(pid: number, everyMs: number): { stop(): Promise<Memory[]> } {
  const samples: Memory[] = [];
  let pending = Promise.resolve();
  const take = async () => {
    const memory = await memoryOf(pid);
    if (memory !== undefined) samples.push(memory);
  };
  const timer = setInterval(() => {
    pending = pending.then(take);
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await pending;
      return samples;
    },
  };
}

/** One line of the report. `kept` is undefined where nothing could be measured. */
export interface Finding {
  readonly what: string;
  readonly bound: string;
  readonly measured: string;
  readonly kept: boolean | undefined;
}

/** A table of the findings. Each column has the width of its longest text. */
export function table(findings: readonly Finding[]): string {
  const rows = [
    ['what', 'bound', 'measured', 'kept'],
    ...findings.map(({ what, bound, measured, kept }) => [
      what,
      bound,
      measured,
      kept === undefined ? '–' : kept ? 'yes' : 'NO',
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const [head, ...body] = rows.map(line) as [string, ...string[]];
  return [head, '-'.repeat(Math.max(...[head, ...body].map((row) => row.length))), ...body].join(
    '\n',
  );
}
