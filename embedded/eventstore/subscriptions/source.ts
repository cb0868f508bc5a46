import type { CommittedEvent, StoredAt } from '../log/log.ts';

/**
 * What a subscription is to: it knows how far the subscriber is, and sends what is owed. History is
 * read page by page; live events come one by one and in order.
 */
export interface Source {
  /** The stream that is subscribed to, undefined for `$all`. */
  readonly stream: string | undefined;
  /** Whether there is no history to send, as when a subscription begins at the end. */
  readonly isAtHead: boolean;
  /** Begins to read history after what was sent last. */
  begin(): void;
  /**
   * Sends a page of history. `at-head`: there is no more, and what is due at the end has been sent.
   * `invalid`: nothing begins there.
   */
  sendPage(): 'more' | 'at-head' | 'deleted' | 'invalid';
  /**
   * Sends an event as it is committed, unless it was sent before. `deleted`: nothing comes after
   * it.
   */
  live(event: CommittedEvent): 'more' | 'deleted';
  /** So many events were committed that the subscriber gets from history. */
  missed(count: number): void;
  /** The subscriber is too slow and gets no further live events. */
  fellBehind(): void;
}

/** Where a source's messages go. */
export interface Sink {
  send(message: Buffer): void;
  deliver(event: StoredAt, from: 'history' | 'live'): void;
}
