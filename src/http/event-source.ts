import type { IncomingMessage } from 'node:http';
import type { Sendable } from './answer.ts';
import { problemKind } from './problems.ts';

/**
 * After a refusal without Retry-After, an EventSource connects again in about this time, in
 * milliseconds.
 */
const retryMsDefault = 30_000;

/** Does the client ask for events, as every EventSource does? */
export const takesEvents = ({ headers }: IncomingMessage): boolean =>
  headers.accept?.includes('text/event-stream') ?? false;

/**
 * An EventSource stops after any status but 200, and does not show headers to the page. So a
 * temporary refusal is sent in a stream: an event `problem` with the problem, and the time to
 * reconnect. A refusal that a repetition cannot change stays as it is.
 */
export function asEvent(answer: Sendable): Sendable {
  if (answer.kind !== 'problem') return answer;
  const { status } = problemKind(answer.code);
  if (status < 500 && answer.code !== 'session-not-found') return answer;
  return { kind: 'problem-event', problem: answer };
}

/**
 * The time until it connects again, in milliseconds. It is random, so that clients do not all
 * connect at once.
 */
export function retryMsOf(headers: Readonly<Record<string, string>>): number {
  const seconds = Number(headers['Retry-After']);
  return drawn(seconds > 0 ? seconds * 1_000 : retryMsDefault);
}

/** A random time between half and one and a half times as long. */
export const drawn = (ms: number): number => Math.round(ms * (0.5 + Math.random()));
