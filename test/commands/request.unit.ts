import { expect } from 'chai';
import {
  answerKeptMs,
  type RequestCommand,
  requestDecider,
  runningMaxMs,
} from '../../src/commands/idempotency/decider.ts';
import type { EventData } from '../../src/events/events.ts';
import { DeciderSpec } from '../support/decider-spec.ts';
import { requestAbandoned, requestAnswered, requestStarted } from '../support/events.ts';

const { given } = new DeciderSpec(requestDecider);
const now = Date.parse('2027-01-01T12:00:00.000Z');
const at = (ms: number): string => new Date(ms).toISOString();

const start = (nowMs = now, fingerprint = 'f1'): RequestCommand => ({
  type: 'StartRequest',
  fingerprint,
  nowMs,
});
const started = (ms = now, fingerprint = 'f1') => requestStarted({ fingerprint, at: at(ms) });
const answer = (body: string, ms = now): EventData['RequestAnswered'] => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body,
  at: at(ms),
});
const answered = (body: string, ms = now) => requestAnswered(answer(body, ms));
const giveAnswer = (body: string, startedMs = now): RequestCommand => ({
  type: 'AnswerRequest',
  startedMs,
  answer: answer(body),
});
const abandon = (startedMs = now): RequestCommand => ({ type: 'AbandonRequest', startedMs });
const abandoned = requestAbandoned();

describe('a request with an idempotency key', () => {
  it('is started by the first, and by nobody else while it runs', () => {
    given([]).when(start()).thenWrites([started()]);
    given([started()]).when(start()).thenRefused('request-running');
    given([started()])
      .when(start(now + runningMaxMs - 1))
      .thenRefused('request-running');
  });

  it('is answered once, and then always the same', () => {
    given([started()])
      .when(giveAnswer('{"a":1}'))
      .thenWrites([answered('{"a":1}')]);
    const again = given([started(), answered('{"a":1}')]).when(start());
    expect(again.thenWrites([])).to.deep.include({ status: 'answered', answer: answer('{"a":1}') });
  });

  it('repeats its answer for 24 hours, to the millisecond', () => {
    const history = [started(), answered('{}')];
    given(history)
      .when(start(now + answerKeptMs - 1))
      .thenWrites([]);
    const later = now + answerKeptMs;
    given(history)
      .when(start(later))
      .thenWrites([started(later)]);
    given(history)
      .when(start(later, 'f2'))
      .thenWrites([started(later, 'f2')]);
  });

  it('refuses the key for anything else, running or answered', () => {
    given([started()]).when(start(now, 'f2')).thenRefused('idempotency-key-reused');
    given([started(), answered('{}')])
      .when(start(now, 'f2'))
      .thenRefused('idempotency-key-reused');
  });

  it('may be made again when a crash cut the first short', () => {
    const later = now + runningMaxMs;
    given([started()])
      .when(start(later))
      .thenWrites([started(later)]);
  });

  it('has one answer for all when the first was only slow: its successor’s', () => {
    const later = now + runningMaxMs;
    const history = [started(), started(later)];
    given(history).when(giveAnswer('{"late":1}', now)).thenRefused('request-running');
    const both = [...history, answered('{"b":1}', later)];
    const late = given(both).when(giveAnswer('{"late":1}', now)).thenWrites([]);
    expect(late).to.deep.include({ status: 'answered', answer: answer('{"b":1}', later) });
  });

  it('is free again when the service was at fault', () => {
    given([started()]).when(abandon()).thenWrites([abandoned]);
    given([started(), abandoned])
      .when(start(now, 'f2'))
      .thenWrites([started(now, 'f2')]);
  });

  it('is not given up by who was overtaken, nor after it was answered', () => {
    const later = now + runningMaxMs;
    given([started(), started(later)])
      .when(abandon(now))
      .thenWrites([]);
    given([started(), answered('{}')])
      .when(abandon())
      .thenWrites([]);
  });
});
