import { requestMaxMs } from '../commands/core/deadline.ts';

/** Every bound of the HTTP layer, in one place. Milliseconds, bytes or counts, as the name says. */
export const httpLimits = {
  /** Largest request body; above it 413. */
  bodyBytesMax: 16 * 1024,
  /**
   * A refused body is read to its end and thrown away up to this size, so that the client sees the
   * 413; above it the connection ends.
   */
  bodyDrainBytesMax: 1024 * 1024,
  /** All header lines of a request; above it 431. */
  headerBytesMax: 16 * 1024,
  /**
   * Connections at the same time; for further ones the longest idle are closed. It bounds every
   * per-request wait as well.
   */
  connectionsMax: 10_000,
  /**
   * Further connections while none is idle, for probes alone; above them connections are dropped.
   */
  connectionsSpare: 100,
  /**
   * Of `connectionsMax`: so many idle ones are closed at a time, so that one search serves as many
   * newcomers.
   */
  connectionsClosedShare: 0.01,
  /** Of the admin listener. */
  adminConnectionsMax: 50,
  /** It is logged this often at most, with its count. */
  connectionsLogMs: 10_000,
  /** A request's headers must be there after this long; then 408. */
  headersTimeoutMs: 10_000,
  /** A whole request must be there after this long; then 408. */
  requestTimeoutMs: 30_000,
  /** How often the two timeouts above are looked at. */
  timeoutCheckMs: 2_000,
  /**
   * A request that has arrived is answered within this, by a 503 if need be: after the command
   * itself gave up.
   */
  answerTimeoutMs: requestMaxMs + 250,
  /**
   * An idle connection is kept this long: longer than the 60 s of usual load balancers, so that
   * they close first.
   */
  keepAliveTimeoutMs: 75_000,
  /**
   * A connection on which nothing moves, as of a client that does not read its answer, ends after
   * this long.
   */
  silenceTimeoutMs: 120_000,
  /** A list's answer of which a client takes nothing for this long is cut off. */
  answerStallTimeoutMs: 12_000,
  /** How often such answers are looked for. */
  answerStallCheckTimeoutMs: 1_000,
  /**
   * A list of this size or less is given to its socket at once; of a larger one, this much at a
   * time.
   */
  answerStretchBytes: 64 * 1024,
  /**
   * Bytes of larger lists that may wait for slow readers, each counted once however many wait for
   * it; above it 503.
   */
  answerWaitingBytesMax: 128 * 1024 * 1024,
  /** The share of it that lists of the past may take, which nobody else can be sent. */
  pastWaitingShare: 0.5,
  /** What is under way when the server closes may take this long; then its connection is cut. */
  closeMs: 10_000,
  /** While closing, connections that fell idle are looked for this often. */
  closeSweepMs: 20,
  /** How long a query waits for the read side to show a position; then 503. */
  readSideWaitMs: 2_000,
  /**
   * Users whose idempotency keys of this hour are counted; those who used none for longest are
   * forgotten first.
   */
  keyUsersMax: 200_000,
  /** Reservations that one page of a user's list has. */
  reservationsPageMax: 100,
  /** A prepared body of this size or more is sent compressed to who takes that. */
  compressedBytesMin: 1_024,
  /** Of gzip, 1 to 9: `bench/http.ts` shows what it costs and saves. */
  compressionLevel: 6,
  /** Streams of seat changes at the same time; one more is 503. */
  seatStreamsMax: 2_000,
  /**
   * Bytes that may wait for a reader of a stream, in addition to those in the system's sockets. A
   * reader with more is dropped.
   */
  seatStreamBufferBytesMax: 64 * 1024,
  /** A sign of life on a stream on which nothing else moves. */
  seatStreamHeartbeatMs: 15_000,
  /** A stream of which the client's side takes nothing for this long ends. */
  seatStreamSilenceMs: 120_000,
  /** Changes of a session's seats are collected for this long and sent together. */
  seatStreamFlushMs: 100,
  /** A client whose stream ended comes back after half to one and a half times this. */
  seatStreamRetryMs: 2_000,
  /** How long a readiness probe may take; then the dependency counts as down. */
  probeMs: 1_000,
  /**
   * Seat lists of the past that are made at the same time: the largest keep PostgreSQL busy for 0.2
   * s, this process for 0.1 s.
   */
  pastRunningMax: 1,
  /** Those that wait for their turn, which comes before their time is over; one more is 503. */
  pastWaitingMax: 8,
  /** A projection that is behind and shows nothing more for this long is not ready. */
  projectionStallMaxSeconds: 30,
  /**
   * Refusals of a kind that is expected under load are logged this often at most, a kind each, with
   * their count.
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
