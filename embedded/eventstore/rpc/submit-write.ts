import type { CommitGroup } from '../log/commit-group.ts';
import { endNotReady, endWriteFailed, endWriteTimeout } from './errors.ts';
import { type GrpcCall, Status } from './grpc-call.ts';
import type { Service } from './service.ts';

/** A write of a call that has only this write. */
export interface UnaryWrite<Outcome> {
  /** Roughly what it occupies. */
  readonly bytes: number;
  decide(group: CommitGroup, nowMs: number): Outcome;
  /** Answers and ends the call. */
  answer(outcome: Outcome): void;
}

/**
 * Writes, and answers when the write is durable. If there is no decision, the call ends with the
 * reason.
 */
export function submitWrite<Outcome>(
  service: Service,
  call: GrpcCall,
  write: UnaryWrite<Outcome>,
): void {
  const { writer, hooks, limits } = service;
  let deadlineMs = Math.min(call.deadlineMs, Date.now() + limits.writeTimeoutMs);
  const proceed = (): void => {
    if (writer.isFull) {
      call.end(Status.aborted, 'Too many writes are waiting.');
      return;
    }
    writer.submit<Outcome>({
      deadlineMs,
      bytes: write.bytes,
      decide: (group, nowMs) => write.decide(group, nowMs),
      done(result) {
        hooks.beforeAnswer(call, () => {
          if (result.kind === 'decided') write.answer(result.outcome);
          else if (result.kind === 'failed') endWriteFailed(call, result.reason);
          else endWriteTimeout(call);
        });
      },
    });
  };
  hooks.beforeWrite(call, {
    proceed,
    timeOut() {
      deadlineMs = Number.POSITIVE_INFINITY;
      endWriteTimeout(call);
    },
    notReady: () => endNotReady(call),
  });
}
