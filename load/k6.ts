import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';

/**
 * The k6 that is installed where there is none; any 1.x will do (older ones do not run TypeScript).
 */
export const k6Version = 'v1.8.1';

/** Building k6 from source takes minutes; longer than this is given up, in milliseconds. */
const installMsMax = 20 * 60_000;
const progressMs = 15_000;

/** Longest run of a scenario, in milliseconds: k6 ends by itself, this is for one that does not. */
const runMsMax = 60 * 60_000;

const run = promisify(execFile);

/**
 * Finds k6 1.x on PATH or where Go installs programs; installs it with Go where there is none.
 * @returns its path, or undefined where neither k6 nor Go is
 * @throws when Go is there and could not install it
 */
export async function findK6(say: (line: string) => void): Promise<string | undefined> {
  if (await isK6('k6')) return 'k6';
  const directory = await goBinaries();
  if (directory === undefined) return undefined;
  const k6 = path.join(directory, process.platform === 'win32' ? 'k6.exe' : 'k6');
  if (await isK6(k6)) return k6;

  say(`k6 is not here: building ${k6Version} with Go, once; this takes two to ten minutes`);
  const started = Date.now();
  const progress = setInterval(
    () => say(`  … ${Math.round((Date.now() - started) / 1_000)} s`),
    progressMs,
  );
  try {
    await run('go', ['install', `go.k6.io/k6@${k6Version}`], { timeout: installMsMax });
  } finally {
    clearInterval(progress);
  }
  return k6;
}

async function isK6(file: string): Promise<boolean> {
  try {
    const { stdout } = await run(file, ['version']);
    return /\bv[1-9]\d*\.\d/.test(stdout);
  } catch {
    return false;
  }
}

async function goBinaries(): Promise<string | undefined> {
  try {
    const { stdout } = await run('go', ['env', 'GOBIN', 'GOPATH']);
    const [bin = '', root = ''] = stdout.split('\n');
    return bin || path.join(root.split(path.delimiter)[0] as string, 'bin');
  } catch {
    return undefined;
  }
}

/** A scenario that runs. */
export interface K6Run {
  readonly process: ChildProcess;
  /** 0 when it ran and every threshold was kept, 99 when one was missed. */
  readonly exitCode: Promise<number>;
}

/**
 * Starts a scenario; its settings are environment variables. What it prints goes to this process's
 * output.
 */
export function startK6(
  k6: string,
  scenario: string,
  env: Record<string, string>,
  options: readonly string[] = [],
): K6Run {
  const child = spawn(k6, ['run', '--quiet', '--no-usage-report', ...options, scenario], {
    // Fewer garbage collections: k6 shares the machine with what it measures.
    env: { GOGC: '400', ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: runMsMax,
  });
  const exitCode = once(child, 'exit').then(([code]) => (code as number | null) ?? 1);
  return { process: child, exitCode };
}
