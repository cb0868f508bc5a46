/**
 * The request that asks for a command: for the metadata of its events, and how long it may take.
 */
export interface RequestContext {
  readonly correlationId?: string;
  readonly traceparent?: string;
  /** `performance.now()` after which nothing is appended for it. Not stored. Default: no end. */
  readonly deadlineMs?: number;
}

export interface CommandContext extends RequestContext {
  /** A retried request has the same one; callers without an idempotency key pass a new UUID. */
  readonly commandId: string;
}

/** The request of a command whose further commands get ids of their own. */
export function requestOf({ commandId: _, ...request }: CommandContext): RequestContext {
  return request;
}
