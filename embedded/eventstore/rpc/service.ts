import type { EventLog } from '../log/log.ts';
import type { Writer } from '../log/writer.ts';
import type { SubscriptionHub } from '../subscriptions/hub.ts';
import type { CheckpointManner } from '../subscriptions/search.ts';
import type { GrpcCall } from './grpc-call.ts';

/** What the RPCs work with. */
export interface Service {
  readonly log: EventLog;
  readonly writer: Writer;
  readonly hub: SubscriptionHub;
  readonly limits: Limits;
  readonly hooks: WriteHooks;
  readonly checkpoints: CheckpointManner;
}

export interface Limits {
  /** Σ (data + metadata + 2 × type length) of one append, in bytes. */
  readonly maxAppendBytes: number;
  /** How long a write may wait for its commit, in milliseconds. */
  readonly writeTimeoutMs: number;
}

/** EventStoreDB's defaults. */
export const defaultLimits: Limits = { maxAppendBytes: 1024 * 1024, writeTimeoutMs: 2_000 };

/** A write that is complete and not decided yet. */
export interface PendingWrite {
  /** Writes it, and answers if it has no answer yet. */
  proceed(): void;
  /** Answers that it took too long. It may still be written. Then nobody is informed. */
  timeOut(): void;
  /** Answers that there is no leader, and drops the write. */
  notReady(): void;
}

/**
 * Where tests may put a fault between a request and its write, and between the write and its
 * answer.
 */
export interface WriteHooks {
  beforeWrite(call: GrpcCall, write: PendingWrite): void;
  beforeAnswer(call: GrpcCall, proceed: () => void): void;
}

export const noHooks: WriteHooks = {
  beforeWrite: (_, write) => write.proceed(),
  beforeAnswer: (_, proceed) => proceed(),
};
