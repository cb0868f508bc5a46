import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The embedded parts run in processes of their own. Both sides of their protocol are here.
 *
 * The child sends `{ ready: { url } }` or `{ failed: why }` once. It stops cleanly on SIGTERM and
 * when the parent's end of the channel closes, so a parent that was killed leaves no orphan. It
 * ignores SIGINT and SIGHUP: a terminal sends those to the whole process group, and the order of
 * stopping is the parent's to decide.
 */

/** A child that is slower than this to stop is killed. */
const stopMs = 20_000;

/**
 * Once ordered to stop, a child that hangs ends itself this long after, with nobody left to do it.
 */
const orphanStopMs = 30_000;

/** What `npm run build` made runs as it is, and starts what it made as well. */
const isBuilt = import.meta.url.endsWith('.js');

/**
 * What runs TypeScript, as an absolute address: the parent may have been started in any directory,
 * without it.
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
   * Asks it to stop and waits for its end; kills it after 20 s. Stopping twice is stopping once.
   */
  stop(): Promise<void>;
  /** Kills it with SIGKILL and waits for its end. */
  kill(): Promise<void>;
  /** Resolves when the process has ended in any way. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /**
   * Sends it a message; resolves when the channel took it. @throws Error when the child is gone.
   */
  send(message: object): Promise<void>;
  /** The next message that the child sends. Never resolves when none comes. */
  nextMessage(): Promise<unknown>;
}

/**
 * Forks a module that ends in `runChild` and waits until it is ready.
 * @param module its TypeScript file; of a built copy of this program, the file that was made of it
 *   is run
 * @throws Error when the child says that it failed, ends, or is silent for `timeoutMs`; it is
 *   gone then.
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
    // Standard output is the parent's own (a report, a reporter's JSON): children speak on standard
    // error.
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

/** What an embedded part's module starts: where it listens, and how to stop it. */
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
  // The parent was killed while this module was loaded: nobody heard that the channel closed.
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
