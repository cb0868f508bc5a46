/** What the primary process and its workers tell each other (ADR 59). */

/** The instructions of a worker. */
export interface Brief {
  /** From 1. */
  readonly worker: number;
  /** Of the API, never 0. */
  readonly port: number;
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
}

/** The variable of a worker's environment that has its brief. */
const briefVariable = 'REPRISE_WORKER';

export const briefAsEnvironment = (brief: Brief): Record<string, string> => ({
  [briefVariable]: JSON.stringify(brief),
});

/**
 * The brief of this process. It is taken out of the environment, because it has passwords.
 * @returns undefined if this process is not a worker
 */
export function takeBrief(): Brief | undefined {
  const text = process.env[briefVariable];
  delete process.env[briefVariable];
  return text === undefined ? undefined : JSON.parse(text);
}

/** A page of the admin listener. */
export type AdminPage = 'metrics' | 'readiness';

/** `stop` says why. After `atOnce`, the worker does not drain. */
export type ToWorker =
  | { readonly ask: AdminPage; readonly id: number }
  | { readonly stop: string }
  | { readonly atOnce: true };

/**
 * `ready`: the worker serves; the value is the text for people about the API. `failed`: it could
 * not start, with the reason. `answer`: a page; undefined if the worker does not have it yet.
 */
export type FromWorker =
  | { readonly ready: string }
  | { readonly failed: string }
  | { readonly id: number; readonly answer?: unknown };
