import type { CommitGroup } from '../log/commit-group.ts';
import { endWriteFailed } from './errors.ts';
import { type GrpcCall, Status } from './grpc-call.ts';
import type { Service } from './service.ts';

/** A write that is the whole purpose of its call. */
export interface UnaryWrite<Outcome> {
  /** Roughly what it occupies. */
  readonly bytes: number;
  decide(group: CommitGroup, nowMs: number): Outcome;
  /** Answers and ends the call. */
  answer(outcome: Outcome): void;
}

/** Writes, and answers when it is durable; when nothing was decided, the call ends with the reason. */
export function submitWrite<Outcome>(
  service: Service,
  call: GrpcCall,
  write: UnaryWrite<Outcome>,
): void {
  const { writer, hooks, limits } = service;
  hooks.beforeWrite(call, () => {
    if (writer.isFull) {
      call.end(Status.aborted, 'Too many writes are waiting.');
      return;
    }
    writer.submit<Outcome>({
      deadlineMs: Math.min(call.deadlineMs, Date.now() + limits.writeTimeoutMs),
      bytes: write.bytes,
      decide: (group, nowMs) => write.decide(group, nowMs),
      done(result) {
        hooks.beforeAnswer(call, () => {
          if (result.kind === 'decided') write.answer(result.outcome);
          else if (result.kind === 'failed') endWriteFailed(call, result.reason);
          // It came too late or took too long; a retry with the same ids tells.
          else call.end(Status.aborted, 'The write timed out.');
        });
      },
    });
  });
}
