/** The request of a command: the metadata of its events, and its deadline. */
export interface RequestContext {
  readonly correlationId?: string;
  readonly traceparent?: string;
  /**
   * After this `performance.now()`, nothing is appended for the request. Not stored. Default: no
   * deadline.
   */
  readonly deadlineMs?: number;
}

export interface CommandContext extends RequestContext {
  /** A repeated request has the same id. Callers without an idempotency key pass a new UUID. */
  readonly commandId: string;
}

/** The request of a command. Further commands of the request get their own ids. */
export function requestOf({ commandId: _, ...request }: CommandContext): RequestContext {
  return request;
}
