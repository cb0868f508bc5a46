import type { CommittedEvent, StoredAt } from '../log/log.ts';

/**
 * The source of a subscription. It knows the progress of the subscriber, and sends the missing
 * events. History is read page by page. Live events come one by one, in order.
 */
export interface Source {
  /** The stream that is subscribed to, undefined for `$all`. */
  readonly stream: string | undefined;
  /** True if there is no history to send, for example if a subscription begins at the end. */
  readonly isAtHead: boolean;
  /** Begins to read history after what was sent last. */
  begin(): void;
  /**
   * Sends a page of history. `at-head`: there are no more events, and the checkpoint of the end has
   * been sent. `invalid`: no event begins there.
   */
  sendPage(): 'more' | 'at-head' | 'deleted' | 'invalid';
  /** Sends a live event, unless it was sent before. `deleted`: no event comes after it. */
  live(event: CommittedEvent): 'more' | 'deleted';
  /** This number of events was committed. The subscriber gets them from history. */
  missed(count: number): void;
  /** The subscriber is too slow and gets no further live events. */
  fellBehind(): void;
}

/** Receives the messages of a source. */
export interface Sink {
  send(message: Buffer): void;
  deliver(event: StoredAt, from: 'history' | 'live'): void;
}
