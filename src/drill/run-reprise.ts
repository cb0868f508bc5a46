import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceEnvironment } from './environment.ts';

/** The exit code and the output of a command. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
  readonly done: Promise<Ended>;
}

/**
 * Starts `reprise …`, with only these settings.
 * @param bin the program: `bin/reprise.js`
 */
export function startCommand(
  bin: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running {
  const child = spawn(process.execPath, [bin, ...args], {
    env: serviceEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    done: new Promise((resolve) =>
      child.once('close', (code) => resolve({ code, stdout, stderr })),
    ),
  };
}

/**
 * Imports a catalog into a service's log.
 * @throws Error with the command's output if it failed
 */
export async function importCatalogWith(
  bin: string,
  catalog: unknown,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'reprise-catalog-'));
  try {
    const file = join(directory, 'catalog.json');
    await writeFile(file, JSON.stringify(catalog));
    const { code, stdout, stderr } = await startCommand(bin, ['catalog', 'import', file], env).done;
    if (code !== 0) throw new Error(`catalog import ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
