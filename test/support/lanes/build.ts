import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const builder = fileURLToPath(new URL('../../../bin/build.js', import.meta.url));

/** Longest time of a build, in milliseconds. */
const buildMaxMs = 5 * 60_000;

/**
 * `npm run build`, before the lanes. Without it, the first program of each lane would build
 * `dist/`.
 * @throws Error when the build fails; the compiler has printed why
 */
export async function build(): Promise<void> {
  const child = spawn(process.execPath, [builder], { stdio: 'inherit', timeout: buildMaxMs });
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new Error(`npm run build: ${signal ?? `exit code ${code}`}`);
}
