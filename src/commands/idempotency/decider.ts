import type { EventData, RequestEvent } from '../../events/events.ts';
import { assertAscending } from '../core/bounds.ts';
import { requestOverMs } from '../core/deadline.ts';
import { accept, type Decider, type Decision } from '../core/decider.ts';
import { refuse } from '../core/result.ts';

/** An answer exactly as the client got it: its status, its header lines, and its body. */
export type StoredAnswer = EventData['RequestAnswered'];

interface Asked {
  /** Hash of the request's fields. */
  readonly fingerprint: string;
  /** Hash of the request's token, for calls with a token. */
  readonly bearer?: string | undefined;
}

/** The state of a request with an idempotency key. */
export type RequestState =
  | { readonly status: 'new' }
  | (Asked & { readonly status: 'running'; readonly startedMs: number })
  | (Asked & { readonly status: 'answered'; readonly answer: StoredAnswer });

export type RequestCommand =
  /** The same key with another fingerprint is refused. */
  | (Asked & { readonly type: 'StartRequest'; readonly nowMs: number })
  /** `startedMs` identifies the request of the answer: it is the start's `nowMs`. */
  | { readonly type: 'AnswerRequest'; readonly startedMs: number; readonly answer: StoredAnswer }
  /** The answer may not be repeated, because the service was at fault. The key is free again. */
  | { readonly type: 'AbandonRequest'; readonly startedMs: number };

/** An answer is repeated for this long. */
export const answerKeptMs = 24 * 3_600_000;
/** If a request has no answer for this long, a crash has interrupted it. It may be made again. */
export const runningMaxMs = requestOverMs;

assertAscending({ runningMaxMs, answerKeptMs });

/** `started`: carry the request out and store its answer. `answered`: give this answer. */
export type RequestAnswer =
  | { readonly status: 'started' }
  | { readonly status: 'answered'; readonly answer: StoredAnswer };

const repeat = (answer: StoredAnswer) => accept([], { status: 'answered' as const, answer });
const started = { status: 'started' } as const;
const running = refuse('request-running', 'the first request with this key is still running');

/** Remembers answers by idempotency key in the log, across restarts and for every instance. */
export const requestDecider: Decider<RequestState, RequestCommand, RequestEvent, RequestAnswer> = {
  initial: { status: 'new' },
  // Each time that a key is abandoned, it leaves two events.
  isWhole: ({ type }) => type !== 'RequestAnswered',
  evolve(state, event) {
    switch (event.type) {
      case 'RequestStarted': {
        const { fingerprint, bearer, at } = event.data;
        return { status: 'running', fingerprint, bearer, startedMs: Date.parse(at) };
      }
      case 'RequestAnswered': {
        if (state.status !== 'running') return state;
        const { fingerprint, bearer } = state;
        return { status: 'answered', fingerprint, bearer, answer: event.data };
      }
      case 'RequestAbandoned':
        return { status: 'new' };
    }
  },
  decide(command, state) {
    switch (command.type) {
      case 'StartRequest':
        return start(command, state);
      case 'AnswerRequest': {
        const { answer, startedMs } = command;
        // This request was so slow that another one took over. Both give the answer of the other
        // one.
        if (state.status === 'answered') return repeat(state.answer);
        if (state.status !== 'running' || state.startedMs !== startedMs) return running;
        return accept([{ type: 'RequestAnswered', data: answer }], { status: 'answered', answer });
      }
      case 'AbandonRequest':
        return state.status === 'running' && state.startedMs === command.startedMs
          ? accept([{ type: 'RequestAbandoned', data: {} }], started)
          : accept([], started);
    }
  },
};

function start(
  { fingerprint, bearer, nowMs }: Extract<RequestCommand, { type: 'StartRequest' }>,
  state: RequestState,
): Decision<RequestState, RequestEvent, RequestAnswer> {
  const at = new Date(nowMs).toISOString();
  const data = { fingerprint, at, ...(bearer === undefined ? {} : { bearer }) };
  const begin = accept([{ type: 'RequestStarted', data }], started);
  if (state.status === 'new') return begin;
  const sinceMs = state.status === 'running' ? state.startedMs : Date.parse(state.answer.at);
  if (nowMs - sinceMs >= answerKeptMs) return begin;
  if (state.fingerprint !== fingerprint) {
    return refuse('idempotency-key-reused', 'this key was used for another request');
  }
  if (state.status === 'answered') return repeat(state.answer);
  return nowMs - sinceMs >= runningMaxMs ? begin : running;
}
