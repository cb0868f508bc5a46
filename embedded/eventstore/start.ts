import { type Child, startChild } from '../child.ts';

/**
 * Without EVENTSTORE_URL, this event store is used, as a child process that ends with its parent.
 * With the flag `--faults`, its parent may send it faults (faults.ts).
 */
export interface EventStoreOptions {
  /** The directory of the log. It is made if it is missing. */
  readonly data: string;
  /** Default: a free one. */
  readonly port?: string | undefined;
  /** Waits this long for a port that another program has, in milliseconds. Default 0. */
  readonly portWaitMs?: number;
  /** More arguments; `main.ts --help` lists them. */
  readonly flags?: readonly string[];
  /** Clients must have this password. Without one, every user of the machine is a client. */
  readonly password?: string;
}

/** The longest start, in milliseconds. Even a large log opens in seconds. */
const startMs = 60_000;

/**
 * Starts the embedded event store on 127.0.0.1.
 * @throws Error that says what to do if it cannot start, for example if the directory is in use
 */
export function startEmbeddedEventStore({
  data,
  port = '0',
  portWaitMs = 0,
  flags = [],
  password,
}: EventStoreOptions): Promise<Child> {
  const wait = portWaitMs === 0 ? [] : ['--port-wait', String(portWaitMs / 1_000)];
  return startChild(
    new URL('./main.ts', import.meta.url),
    ['--port', port, '--data', data, ...wait, ...flags],
    {
      timeoutMs: startMs + portWaitMs,
      // Not an argument, because every user of the machine can see arguments.
      env: password === undefined ? {} : { EVENTSTORE_PASSWORD: password },
    },
  );
}
