import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serviceEnvironment } from './environment.ts';

const bin = fileURLToPath(new URL('../../../bin/reprise.js', import.meta.url));

/** A command that runs. */
export interface Running {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
  readonly done: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Starts `reprise …`, with these settings and none that the test run may have. */
export function startReprise(
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

/** Runs `reprise …` to its end, with these settings and none that the test run may have. */
export const reprise = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running['done'] => startReprise(args, env).done;

/**
 * Imports a catalog into a service's log. @throws Error with what the command said when it failed
 */
export async function importCatalog(
  catalog: unknown,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'reprise-catalog-'));
  try {
    const file = join(dir, 'catalog.json');
    await writeFile(file, JSON.stringify(catalog));
    const { code, stdout, stderr } = await reprise(['catalog', 'import', file], env);
    if (code !== 0) throw new Error(`catalog import ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
