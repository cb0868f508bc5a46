/**
 * Faults on demand, for tests: a server started with `--faults` accepts these messages over its IPC
 * channel. It answers each message once the fault is in effect.
 *
 *   { fault: { kind: 'silent' } }
 *     requests are never answered; writes are not written
 *   { fault: { kind: 'unavailable' } }
 *     requests end with UNAVAILABLE
 *   { fault: { kind: 'not-leader', host, port } }
 *     writes, and reads with `requires-leader`, name another leader
 *   { fault: { kind: 'slow', ms } }
 *     requests are delayed by this time
 *   { fault: { kind: 'cut', when: 'before-write' } }
 *     a write breaks all connections and is not written
 *   { fault: { kind: 'cut', when: 'after-write' } }
 *     a write is durable, then all connections break unanswered
 *   { fault: { kind: 'cut', when: 'now' } }
 *     all connections break at once; this fault does not last
 *   { fault: { kind: 'not-ready' } }
 *     requests are answered "Server Is Not Ready", as while there is no leader
 *   { fault: { kind: 'no-quorum', answerMs, commitMs } }
 *     a write is answered Timeout after `answerMs` (2,000 by default), and is committed `commitMs`
 *     after it arrived, when no client waits for it
 *   { fault: { kind: 'clear' } }
 *     no fault
 *   The answer to each is:
 *     → { fault: 'set' }, or { refused: why }
 *   { stats: true }
 *     → { stats: { subscriptions, calls, connections } }
 *
 * Every lasting fault accepts `times: n`: it ends after it affected n requests. Only one fault is
 * in effect at a time. Open reads and subscriptions continue, except when connections are cut.
 */
import { endNotLeader, endNotReady } from './rpc/errors.ts';
import { type GrpcCall, Status } from './rpc/grpc-call.ts';
import { defaultLimits, type PendingWrite, type WriteHooks } from './rpc/service.ts';

export type Fault =
  | { readonly kind: 'clear' }
  | { readonly kind: 'silent'; readonly times?: number }
  | { readonly kind: 'unavailable'; readonly times?: number }
  | { readonly kind: 'not-ready'; readonly times?: number }
  | {
      readonly kind: 'no-quorum';
      readonly answerMs?: number;
      readonly commitMs: number;
      readonly times?: number;
    }
  | {
      readonly kind: 'not-leader';
      readonly host: string;
      readonly port: number;
      readonly times?: number;
    }
  | { readonly kind: 'slow'; readonly ms: number; readonly times?: number }
  | {
      readonly kind: 'cut';
      readonly when: 'before-write' | 'after-write' | 'now';
      readonly times?: number;
    };

/** Stores the current fault of a server, and applies it to the server's calls. */
export class Faults implements WriteHooks {
  #fault: Fault = { kind: 'clear' };
  #left = Number.POSITIVE_INFINITY;
  readonly #cutConnections: () => void;

  constructor(cutConnections: () => void) {
    this.#cutConnections = cutConnections;
  }

  set(fault: Fault): void {
    if (fault.kind === 'cut' && fault.when === 'now') {
      this.#cutConnections();
      return;
    }
    this.#fault = fault;
    this.#left = ('times' in fault ? fault.times : undefined) ?? Number.POSITIVE_INFINITY;
  }

  /** Each incoming call that does not write passes this check. */
  beforeCall(call: GrpcCall, proceed: () => void): void {
    const fault = this.#fault;
    const spared =
      fault.kind === 'cut' ||
      fault.kind === 'no-quorum' ||
      (fault.kind === 'not-leader' && call.headers['requires-leader'] !== 'true');
    if (spared) proceed();
    else this.#strike(fault, call, { proceed, notReady: () => endNotReady(call) });
  }

  beforeWrite(call: GrpcCall, write: PendingWrite): void {
    const fault = this.#fault;
    if (fault.kind === 'cut' && fault.when === 'after-write') write.proceed();
    else this.#strike(fault, call, write);
  }

  beforeAnswer(call: GrpcCall, proceed: () => void): void {
    const fault = this.#fault;
    if (fault.kind === 'cut' && fault.when === 'after-write')
      this.#strike(fault, call, { proceed });
    else proceed();
  }

  #strike(
    fault: Fault,
    call: GrpcCall,
    write: Pick<PendingWrite, 'proceed'> & Partial<PendingWrite>,
  ): void {
    if (fault.kind !== 'clear' && --this.#left <= 0) this.#fault = { kind: 'clear' };
    switch (fault.kind) {
      case 'clear':
        write.proceed();
        return;
      case 'silent':
        return;
      case 'unavailable':
        call.end(Status.unavailable, 'the server is unavailable (a fault set by a test)');
        return;
      case 'not-ready':
        write.notReady?.();
        return;
      case 'no-quorum':
        setTimeout(() => write.timeOut?.(), fault.answerMs ?? defaultLimits.writeTimeoutMs);
        setTimeout(() => write.proceed(), fault.commitMs);
        return;
      case 'not-leader':
        endNotLeader(call, fault.host, fault.port);
        return;
      case 'slow':
        setTimeout(() => write.proceed(), fault.ms);
        return;
      case 'cut':
        this.#cutConnections();
    }
  }
}

const cutAt: readonly unknown[] = ['before-write', 'after-write', 'now'];

/**
 * Reads a fault from a message.
 * @throws Error with the fault of the message.
 */
export function parseFault(spec: unknown): Fault {
  const fault = (typeof spec === 'object' && spec !== null ? spec : {}) as Record<string, unknown>;
  const { kind, times } = fault;
  const known =
    kind === 'clear' ||
    kind === 'silent' ||
    kind === 'unavailable' ||
    kind === 'not-ready' ||
    (kind === 'no-quorum' && isMs(fault.commitMs) && isMs(fault.answerMs ?? 0)) ||
    (kind === 'not-leader' && typeof fault.host === 'string' && typeof fault.port === 'number') ||
    (kind === 'slow' && typeof fault.ms === 'number') ||
    (kind === 'cut' && cutAt.includes(fault.when));
  const counted = times === undefined || (typeof times === 'number' && times > 0);
  if (!known || !counted) throw new Error(`no such fault: ${JSON.stringify(spec)}`);
  return spec as Fault;
}

function isMs(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}
