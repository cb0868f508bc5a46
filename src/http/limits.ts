import { requestMaxMs } from '../commands/core/deadline.ts';

/** Every bound of the HTTP layer, in one place. Milliseconds, bytes or counts, as the name says. */
export const httpLimits = {
  /** Largest request body. Above this size, the answer is 413. */
  bodyBytesMax: 16 * 1024,
  /**
   * Up to this size, the service reads a refused body to its end and drops it. So the client sees
   * the 413. Above this size, the connection ends.
   */
  bodyDrainBytesMax: 1024 * 1024,
  /** All header lines of a request. Above this size, the answer is 431. */
  headerBytesMax: 16 * 1024,
  /**
   * Connections at the same time. For further ones, the service closes those that have been idle
   * for longest. If each request has one wait of a kind, this number also limits these waits.
   */
  connectionsMax: 10_000,
  /**
   * Further connections that the service accepts, only for probes, while no connection is idle.
   * Above this number, it drops connections.
   */
  connectionsSpare: 100,
  /**
   * One search closes at most this share of `connectionsMax`, and only idle connections. So it
   * makes room for as many new connections.
   */
  connectionsClosedShare: 0.01,
  /** Of the admin listener. */
  adminConnectionsMax: 50,
  /** The service logs closed and dropped connections this often at most, with their count. */
  connectionsLogMs: 10_000,
  /** The headers of a request must arrive within this time; else 408. */
  headersTimeoutMs: 10_000,
  /** A whole request must arrive within this time; else 408. */
  requestTimeoutMs: 30_000,
  /** How often Node checks the two timeouts above. */
  timeoutCheckMs: 2_000,
  /**
   * The service answers a complete request within this time, if necessary with a 503. It is a
   * little longer than the time limit of a command.
   */
  answerTimeoutMs: requestMaxMs + 250,
  /**
   * The service keeps an idle connection this long. This is longer than the 60 s of usual load
   * balancers, so the balancer closes first.
   */
  keepAliveTimeoutMs: 75_000,
  /**
   * If nothing moves on a connection for this long, it ends. For example, its client does not read
   * the answer.
   */
  silenceTimeoutMs: 120_000,
  /** If a client reads nothing of a list for this long, the service closes the connection. */
  answerStallTimeoutMs: 12_000,
  /** How often the service looks for such answers. */
  answerStallCheckTimeoutMs: 1_000,
  /**
   * The socket gets a list of this size or less at once. It gets a larger list in parts of this
   * size.
   */
  answerStretchBytes: 64 * 1024,
  /**
   * Bytes of larger lists that may wait for slow readers; above this 503. A byte counts once, even
   * if several readers wait for it.
   */
  answerWaitingBytesMax: 128 * 1024 * 1024,
  /**
   * The share of `answerWaitingBytesMax` for lists of the past. Each of these lists is for one
   * client only.
   */
  pastWaitingShare: 0.5,
  /** When the server closes, running requests may take this long; then their connections end. */
  closeMs: 10_000,
  /** While the server closes, it looks this often for connections that became idle. */
  closeSweepMs: 20,
  /** How long a query waits for the read side to show a position; then 503. */
  readSideWaitMs: 2_000,
  /**
   * The number of users whose idempotency keys of this hour are counted. The user whose last key is
   * oldest is forgotten first.
   */
  keyUsersMax: 200_000,
  /** Reservations that one page of a user's list has. */
  reservationsPageMax: 100,
  /** A prepared body of this size or more is compressed for a client that accepts gzip. */
  compressedBytesMin: 1_024,
  /** The level of gzip, 1 to 9. `bench/http.ts` shows its cost and its gain. */
  compressionLevel: 6,
  /** Streams of seat changes at the same time. The service answers one more with 503. */
  seatStreamsMax: 2_000,
  /**
   * Bytes that may wait for a reader of a stream, in addition to those in the system's sockets. A
   * reader with more is dropped.
   */
  seatStreamBufferBytesMax: 64 * 1024,
  /** The service sends a comment this often on a stream without other messages. */
  seatStreamHeartbeatMs: 15_000,
  /** If the client reads nothing of a stream for this long, the stream ends. */
  seatStreamSilenceMs: 120_000,
  /** Changes of a session's seats are collected for this long and sent together. */
  seatStreamFlushMs: 100,
  /**
   * After the end of its stream, a client connects again after half to one and a half times this
   * time.
   */
  seatStreamRetryMs: 2_000,
  /** How long a readiness probe may take; then the dependency counts as down. */
  probeMs: 1_000,
  /**
   * Seat lists of the past that the service makes at the same time. The largest list keeps
   * PostgreSQL busy for 0.2 s, and this process for 0.1 s.
   */
  pastRunningMax: 1,
  /**
   * Requests that wait for such a list. The service answers one more with 503. With this number,
   * each wait ends before the request's time is over.
   */
  pastWaitingMax: 8,
  /** If a projection is behind and makes no progress for this long, the instance is not ready. */
  projectionStallMaxSeconds: 30,
  /**
   * Some refusals are expected under load. The service logs each code of them this often at most,
   * with the count.
   */
  refusalsLogMs: 1_000,
  /** A request slower than this is logged. */
  slowRequestMs: 500,
} as const;

/** The times that tests shorten. */
export type Timeouts = {
  readonly [T in Extract<
    keyof typeof httpLimits,
    | `${string}Timeout${string}`
    | 'timeoutCheckMs'
    | 'answerWaitingBytesMax'
    | 'connectionsMax'
    | `seatStream${string}`
  >]: number;
};
