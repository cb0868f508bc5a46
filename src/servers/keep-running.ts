import { setTimeout as sleep } from 'node:timers/promises';
import type { Child, ChildExit } from '../../embedded/child.ts';
import { Restarts } from '../../embedded/restarts.ts';

/** Pause after a failed start, in milliseconds. */
const startAgainMs = 500;

/** The part of a process that is needed to keep it running. */
type Part = Pick<Child, 'url' | 'exited' | 'stop'>;

/**
 * Starts an embedded server or a worker. Whenever it ends by itself, starts it again on its port,
 * within the bounds of `Restarts`. Above these bounds, it is a fatal fault. A failed start counts
 * like an end. A start that waits for its port is not over yet.
 * @returns its URL
 */
export async function keepRunning(
  what: string,
  start: (port?: string) => Promise<Part>,
  parts: { stop(): Promise<void> }[],
  onFault: (message: string, fatal: boolean) => void,
  onRestart: () => void = () => {},
): Promise<string> {
  let part = await start();
  let stopping = false;
  const { url } = part;
  const { port } = new URL(url);
  const restarts = new Restarts();
  let why = '';
  const startAgain = async ({ code, signal }: ChildExit): Promise<boolean> => {
    while (!stopping) {
      if (!restarts.another()) {
        onFault(`the ${what} keeps ending${why}`, true);
        break;
      }
      const how = signal ?? `exit code ${code}`;
      onFault(`the ${what} ended by itself (${how}) and is started again`, false);
      try {
        part = await start(port);
        onRestart();
        why = '';
        return true;
      } catch (error) {
        why = `: ${(error as Error).message}`;
        onFault((error as Error).message, false);
        await sleep(startAgainMs);
      }
    }
    return false;
  };
  const supervise = async () => {
    for (;;) {
      const exit = await part.exited;
      if (!(await startAgain(exit))) return;
      // The stop came while this server was starting, so only the server before it received the
      // stop.
      if (stopping) return part.stop();
    }
  };
  const supervised = supervise();
  parts.push({
    stop: async () => {
      stopping = true;
      await part.stop();
      await supervised;
    },
  });
  return url;
}
