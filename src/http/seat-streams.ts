import type { ServerResponse } from 'node:http';
import type { SeatChange, SeatFeed } from '../queries/seat-feed.ts';
import { httpLimits, type Timeouts } from './limits.ts';
import { whenOver } from './over.ts';
import { tellPosition } from './told-position.ts';

export type SeatStreamLimits = Pick<
  Timeouts,
  'seatStreamsMax' | 'seatStreamBufferBytesMax' | 'seatStreamHeartbeatMs' | 'seatStreamFlushMs'
>;

/** The streams of one session, and the changes that none of them has got yet. */
interface Channel {
  readonly streams: Set<SeatStream>;
  pending: string;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Sends changes of seats to the clients that follow a session. It sends all changes of
 * `seatStreamFlushMs` together, in one write per stream. It makes their text once for all streams.
 */
export class SeatStreams {
  readonly #feed: SeatFeed;
  readonly #shown: () => bigint | null;
  readonly #limits: SeatStreamLimits;
  readonly #epoch: () => string;
  readonly #channels = new Map<string, Channel>();
  #count = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * @param shown the position up to which it knows all changes @param epoch as `epochOf` gives it
   */
  constructor(
    feed: SeatFeed,
    shown: () => bigint | null,
    limits: SeatStreamLimits = httpLimits,
    epoch: () => string = () => '',
  ) {
    this.#epoch = epoch;
    this.#feed = feed;
    this.#shown = shown;
    this.#limits = limits;
    feed.listen({
      changed: (changes) => this.#changed(changes),
      cancelled: (sessionId) => this.#end(sessionId, cancelledMessage),
      // A client that reconnects after this must read the list again.
      reset: () => this.#endAll(),
    });
  }

  /**
   * Follows a session from now on. It sends nothing before `start`. The caller must call `end` in
   * any case. Undefined when there are `seatStreamsMax` streams.
   */
  open(sessionId: string): SeatStream | undefined {
    if (this.#closed || this.#count >= this.#limits.seatStreamsMax) return undefined;
    const channel = this.#channels.get(sessionId) ?? this.#newChannel(sessionId);
    // The waiting changes happened before this stream began.
    this.#flush(channel);
    const stream = new SeatStream(this.#limits.seatStreamBufferBytesMax, () => {
      channel.streams.delete(stream);
      this.#count -= 1;
      if (channel.streams.size === 0) this.#dropChannel(sessionId, channel);
      if (this.#count === 0) clearInterval(this.#heartbeat);
    });
    channel.streams.add(stream);
    if (this.#count === 0) {
      this.#heartbeat = setInterval(() => this.#beat(), this.#limits.seatStreamHeartbeatMs);
    }
    this.#count += 1;
    return stream;
  }

  /** How many are open. */
  get count(): number {
    return this.#count;
  }

  /** A stream that opens now does not get the changes up to this position. */
  position(): bigint {
    return this.#shown() ?? 0n;
  }

  /**
   * The text that a session's streams got after a position; undefined if it is no longer in memory.
   */
  missed(sessionId: string, after: bigint): string | undefined {
    const changes = this.#feed.since(sessionId, after);
    return changes?.map((change) => message(change, this.#epoch())).join('');
  }

  /** Is there nothing to follow? Then `cancelledMessage` is the only message. */
  isCancelled(sessionId: string): boolean {
    return this.#feed.isCancelled(sessionId);
  }

  /** Ends all streams and opens no more. */
  close(): void {
    this.#closed = true;
    this.#endAll();
  }

  #changed(changes: readonly SeatChange[]): void {
    for (const change of changes) {
      const channel = this.#channels.get(change.sessionId);
      if (channel === undefined) continue;
      channel.pending += message(change, this.#epoch());
      channel.timer ??= setTimeout(() => this.#flush(channel), this.#limits.seatStreamFlushMs);
    }
  }

  #flush(channel: Channel): void {
    clearTimeout(channel.timer);
    channel.timer = undefined;
    const text = channel.pending;
    channel.pending = '';
    if (text === '') return;
    const chunk = Buffer.from(text);
    for (const stream of channel.streams) stream.send(chunk);
  }

  /**
   * Sends a comment, so that both sides notice a dead connection. Its id lets a quiet follower
   * resume after the last position that it knows.
   */
  #beat(): void {
    for (const channel of this.#channels.values()) {
      this.#flush(channel);
      const chunk = Buffer.from(
        `: still here\nid: ${tellPosition(this.position(), this.#epoch())}\n\n`,
      );
      for (const stream of channel.streams) stream.send(chunk);
    }
  }

  #newChannel(sessionId: string): Channel {
    const channel = { streams: new Set<SeatStream>(), pending: '', timer: undefined };
    this.#channels.set(sessionId, channel);
    return channel;
  }

  #dropChannel(sessionId: string, channel: Channel): void {
    clearTimeout(channel.timer);
    this.#channels.delete(sessionId);
  }

  #endAll(): void {
    for (const sessionId of [...this.#channels.keys()]) this.#end(sessionId);
  }

  /** Sends the waiting changes, and then the last message, if any. */
  #end(sessionId: string, last?: string): void {
    const channel = this.#channels.get(sessionId);
    if (channel === undefined) return;
    if (last !== undefined) {
      channel.pending += last;
      this.#flush(channel);
    }
    for (const stream of [...channel.streams]) stream.end();
  }
}

/** One follower. */
export class SeatStream {
  readonly #bufferBytesMax: number;
  readonly #ended: () => void;
  #res: ServerResponse | undefined;
  /** Messages that came before the response began. */
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #isOver = false;

  constructor(bufferBytesMax: number, ended: () => void) {
    this.#bufferBytesMax = bufferBytesMax;
    this.#ended = ended;
  }

  /**
   * Sends `first`, then the messages that came meanwhile, and from then on each new message. The
   * caller has written the head.
   */
  start(res: ServerResponse, first: string): void {
    if (!this.#isOver) whenOver(res, () => this.end());
    if (this.#isOver) {
      res.end();
      return;
    }
    this.#res = res;
    const early = this.#early;
    this.#early = [];
    res.write(first);
    for (const chunk of early) this.send(chunk);
  }

  /**
   * Drops a reader with too many waiting bytes. The reader can reconnect and gets the changes that
   * it missed.
   */
  send(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#res === undefined) {
      this.#early.push(chunk);
      this.#earlyBytes += chunk.length;
      if (this.#earlyBytes > this.#bufferBytesMax) this.end();
      return;
    }
    // Bytes that were written just now count as waiting until the next turn of the event loop.
    // Therefore only bytes that waited before count against the reader.
    if (this.#res.writableLength > this.#bufferBytesMax) {
      this.#res.destroy();
      this.end();
    } else {
      this.#res.write(chunk);
    }
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#early = [];
    this.#ended();
    if (this.#res !== undefined && !this.#res.destroyed) this.#res.end();
  }
}

/**
 * The session does not take place. This will not change, so a browser need not ask again for a day.
 */
export const cancelledMessage = 'retry: 86400000\nevent: cancelled\ndata: {}\n\n';

const message = ({ seatId, isAvailable, position }: SeatChange, epoch: string): string =>
  `id: ${tellPosition(position, epoch)}\ndata: ${JSON.stringify({ seatId, isAvailable })}\n\n`;
