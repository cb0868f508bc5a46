import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';

/**
 * The version that is installed when k6 is missing. Any 1.x works; older versions cannot run
 * TypeScript.
 */
export const k6Version = 'v1.8.1';

/** The longest build of k6 from source, which takes minutes, in milliseconds. */
const installMsMax = 20 * 60_000;
const progressMs = 15_000;

/** The longest run of a scenario, in milliseconds, for a k6 that does not end by itself. */
const runMsMax = 60 * 60_000;

const run = promisify(execFile);

/**
 * Finds k6 1.x on PATH or in Go's directory for programs. If k6 is missing, installs it with Go.
 * @returns the path of k6, or undefined when k6 and Go are missing
 * @throws when Go could not install k6
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

/** A running scenario. */
export interface K6Run {
  readonly process: ChildProcess;
  /** 0 when every threshold was kept, 99 when one was missed. */
  readonly exitCode: Promise<number>;
}

/**
 * Starts a scenario with `env` as its settings. Its output goes to the output of this process.
 */
export function startK6(
  k6: string,
  scenario: string,
  env: Record<string, string>,
  options: readonly string[] = [],
): K6Run {
  const child = spawn(k6, ['run', '--quiet', '--no-usage-report', ...options, scenario], {
    // Fewer garbage collections, because k6 shares the machine with the service.
    env: { GOGC: '400', ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: runMsMax,
  });
  const exitCode = once(child, 'exit').then(([code]) => (code as number | null) ?? 1);
  return { process: child, exitCode };
}
