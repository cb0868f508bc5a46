/**
 * The state that buyers share (the queue, the limit of held seats) gave no answer in time. HTTP
 * answers 503 with Retry-After.
 */
export class QueueUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'QueueUnavailable';
  }
}
