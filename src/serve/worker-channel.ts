/** The messages between the primary process and its workers (ADR 59). */

/** The instructions of a worker. */
export interface Brief {
  /** The number of the worker, from 1. */
  readonly worker: number;
  /** The port of the API, never 0. */
  readonly port: number;
  readonly eventStoreUrl: string;
  readonly postgresUrl: string;
}

/** The environment variable with the instructions of a worker. */
const briefVariable = 'REPRISE_WORKER';

export const briefAsEnvironment = (brief: Brief): Record<string, string> => ({
  [briefVariable]: JSON.stringify(brief),
});

/**
 * The instructions of this process. This function removes them from the environment, because they
 * contain passwords.
 * @returns undefined if this process is not a worker
 */
export function takeBrief(): Brief | undefined {
  const text = process.env[briefVariable];
  delete process.env[briefVariable];
  return text === undefined ? undefined : JSON.parse(text);
}

/** A page of the admin listener. */
export type AdminPage = 'metrics' | 'readiness';

/** `stop` has the reason. After `atOnce`, the worker does not drain. */
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
