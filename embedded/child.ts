import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Each embedded part runs in its own process. Both sides of their protocol are here. The child
 * sends `{ ready: { url } }` or `{ failed: why }` once. It stops cleanly on SIGTERM. It also stops
 * when the parent's end of the channel closes, so it does not remain after a parent that was
 * killed. It ignores SIGINT and SIGHUP. A terminal sends those to the whole process group, but the
 * parent decides in which order its children stop.
 */

/** A child that needs longer than this to stop is killed. */
const stopMs = 20_000;

/**
 * A child that hangs after the request to stop ends itself after this time, because its parent may
 * be gone.
 */
const orphanStopMs = 30_000;

/** The files of `npm run build` run without a loader, and start other files of the same build. */
const isBuilt = import.meta.url.endsWith('.js');

/**
 * The loader of TypeScript, as an absolute address, because the parent may run in any directory and
 * without this loader.
 */
const loaderOf = (): string => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

type FirstWord = { readonly ready: { readonly url: string } } | { readonly failed: string };

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running embedded part, seen from its parent. */
export interface Child {
  readonly url: string;
  readonly pid: number;
  /**
   * Asks it to stop and waits for its end; kills it after 20 s. A second call has no further
   * effect.
   */
  stop(): Promise<void>;
  /** Kills it with SIGKILL and waits for its end. */
  kill(): Promise<void>;
  /** Resolves when the process has ended, for any reason. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /**
   * Sends it a message; resolves when the channel has accepted it.
   * @throws Error when the child is gone.
   */
  send(message: object): Promise<void>;
  /** The next message that the child sends. Without a message, it never resolves. */
  nextMessage(): Promise<unknown>;
}

/**
 * Forks a module that ends in `runChild` and waits until it is ready.
 * @param module its TypeScript file. A built copy of this program runs the built file instead
 * @throws Error when the child reports a failure, ends, or reports nothing for `timeoutMs`. Then
 * the child has ended.
 */
export async function startChild(
  module: URL,
  args: readonly string[],
  {
    timeoutMs,
    env = {},
  }: {
    readonly timeoutMs: number;
    /** Variables in addition to the environment of this process. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<Child> {
  const source = fileURLToPath(module);
  const name = isBuilt ? source.replace(/\.ts$/, '.js') : source;
  const child = fork(name, [...args], {
    execArgv: isBuilt ? [] : ['--import', loaderOf()],
    env: { ...process.env, ...env },
    // Only the parent writes to standard output (a report, a reporter's JSON). Children write to
    // standard error.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = ended(child);
  try {
    const url = await readyUrl(child, exited, name, timeoutMs);
    return handle(child, url, exited);
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    throw error;
  }
}

function ended(child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    // A process that could not be started, or a message that could not be sent to one that just
    // ended.
    child.on('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}

async function readyUrl(
  child: ChildProcess,
  exited: Promise<ChildExit>,
  name: string,
  timeoutMs: number,
): Promise<string> {
  const cancel = new AbortController();
  try {
    const word = await Promise.race([
      once(child, 'message', { signal: cancel.signal }).then(([message]) => message as FirstWord),
      exited.then(({ code, signal }): FirstWord => ({ failed: `ended with ${signal ?? code}` })),
      delay(timeoutMs, undefined, { signal: cancel.signal }).then(
        (): FirstWord => ({ failed: `not ready within ${timeoutMs} ms` }),
      ),
    ]);
    if ('failed' in word) throw new Error(`${name}: ${word.failed}`);
    return word.ready.url;
  } finally {
    cancel.abort();
  }
}

function handle(child: ChildProcess, url: string, exited: Promise<ChildExit>): Child {
  let stopping: Promise<void> | undefined;
  return {
    url,
    pid: child.pid as number,
    exited,
    stop() {
      stopping ??= stopWithin(child, exited);
      return stopping;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    send(message) {
      return new Promise((resolve, reject) => {
        child.send(message, (error) => (error === null ? resolve() : reject(error)));
      });
    },
    async nextMessage() {
      const [message] = (await once(child, 'message')) as [unknown];
      return message;
    },
  };
}

async function stopWithin(child: ChildProcess, exited: Promise<ChildExit>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await exited;
  clearTimeout(timer);
}

/** The result of starting an embedded part: its address, and a function that stops it. */
export interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Runs `start` on the child's side, reports the result to the parent, and stops when the parent
 * requests it or has ended. `start` gets a signal that aborts when the stop is requested before it
 * has finished. Call it once, last in the module. Without a parent, for example from a shell, the
 * part also stops on SIGINT and SIGHUP.
 */
export function runChild(start: (signal: AbortSignal) => Promise<Running>): void {
  const stopSignal = new AbortController();
  const started = start(stopSignal.signal);

  const stop = (): void => {
    if (stopSignal.signal.aborted) return;
    stopSignal.abort();
    setTimeout(() => process.exit(1), orphanStopMs).unref();
    started
      .then((running) => running.stop())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  const ignore = (): void => {};
  const forParent = process.connected ? ignore : stop;
  process.on('SIGINT', forParent);
  process.on('SIGHUP', forParent);
  process.on('SIGTERM', stop);
  process.on('disconnect', stop);
  // The parent was killed while this module was loaded. So no listener noticed that the channel
  // closed.
  if (process.send !== undefined && !process.connected) stop();
  // The reader of our standard error may end before this process. The process must still clean up.
  process.stderr.on('error', ignore);

  started.then(
    ({ url }) => tell({ ready: { url } }, ignore),
    (error: unknown) => {
      const failed = error instanceof Error ? error.message : String(error);
      tell({ failed }, () => process.exit(1));
    },
  );
}

function tell(word: FirstWord, then: () => void): void {
  if (process.connected && process.send !== undefined) {
    process.send(word, undefined, {}, then);
    return;
  }
  const place = 'ready' in word && word.ready.url.replace(/\/\/.*@/, '//');
  console.error('failed' in word ? word.failed : `listening on ${place}`);
  then();
}
