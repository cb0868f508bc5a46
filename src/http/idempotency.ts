import { createHash, randomUUID } from 'node:crypto';
import type { CommandContext } from '../commands/core/command-context.ts';
import type { IdempotencyKeys, KeyedRequest } from '../commands/idempotency/idempotency-keys.ts';
import { keyHash } from '../events/streams.ts';
import {
  type Answer,
  type JsonAnswer,
  type ProblemAnswer,
  problem,
  refused,
  render,
  type StoredAnswer,
} from './answer.ts';
import { bearerToken, type Guard, refuseUnlessAdmitted } from './authorize.ts';
import type { ApiContext } from './endpoint.ts';
import { commandContext, type Exchange } from './exchange.ts';

/** Characters of the SHA-256 hex digest that a charge id keeps: 128 bits. */
const chargeIdHexLength = 32;

/** The parts of a command's request that matter for its Idempotency-Key. */
export interface Asked {
  /** The name of the call. The same key may be used for different calls independently. */
  readonly name: string;
  readonly userId: string;
  readonly key: string | undefined;
  /** All fields of the request after the check by their schemas, as JSON. */
  readonly fields: object;
  /** The header AuthorizationWaiting, for calls that use it. */
  readonly token?: string | undefined;
}

/**
 * Carries the command out. Its answer is repeated to the same request for a day, unless it is a
 * 5xx.
 */
type CarryOut = (context: CommandContext) => Promise<JsonAnswer | ProblemAnswer>;

/**
 * Answers a request. With a key, the first request is carried out, and each later one gets the same
 * answer.
 */
export async function answerOnce(
  api: ApiContext,
  asked: Asked,
  exchange: Exchange,
  carryOut: CarryOut,
): Promise<Answer> {
  const context = contextOf(asked, exchange);
  if (asked.key === undefined) return carryOut(context);
  const { idempotencyKeys } = api;
  const request = keyedRequest(asked, asked.key, context);
  const { userId } = asked;
  if (!api.keyBudget.take(userId)) return aboveBudget(api, request);
  const begun = await idempotencyKeys.start(request);
  if (!begun.ok || begun.value.status === 'answered') api.keyBudget.giveBack(userId);
  if (!begun.ok) return refused(begun.refusal);
  if (begun.value.status === 'answered') return again(begun.value.answer);
  const { startedMs } = begun.value;
  // Runs in parallel to the answer, and before a repetition that comes to this process.
  const abandon = () => {
    idempotencyKeys.abandon(request, startedMs).catch((error) => {
      api.log.warn(
        { requestId: exchange.requestId, err: error },
        'a key stays taken until its request counts as dead',
      );
    });
  };
  try {
    const answer = await carryOut(context);
    const rendered = render(answer, exchange.requestId);
    if (rendered.status >= 500) {
      abandon();
      return answer;
    }
    // The service stores the answer before it sends it. So each answer with a key can be repeated.
    const stored = await idempotencyKeys.answer(request, startedMs, rendered);
    if (!stored.ok) return refused(stored.refusal);
    const code = answer.kind === 'problem' ? answer.code : undefined;
    return { kind: 'stored', replayed: false, code, ...stored.value };
  } catch (error) {
    abandon();
    throw error;
  }
}

/**
 * The same for calls that only an admitted user may make. Two more callers get a stored answer: a
 * caller with the token that received it, even if the place of this token has ended, and the user
 * while waiting. A user may pay and then lose the connection. The place may end seconds later, but
 * the user still learns the result of the payment.
 */
export async function answerOnceAdmitted(
  api: ApiContext,
  asked: Asked & Guard,
  exchange: Exchange,
  carryOut: CarryOut,
): Promise<Answer> {
  const barred = await refuseUnlessAdmitted(api.rooms, asked);
  if (barred === undefined) return answerOnce(api, asked, exchange, carryOut);
  return (await givenBefore(api.idempotencyKeys, asked, barred, exchange)) ?? barred;
}

/** A stored answer is repeated, even if the user has used too many keys. */
async function aboveBudget(
  { idempotencyKeys, keyBudget }: ApiContext,
  request: KeyedRequest,
): Promise<Answer> {
  const given = await idempotencyKeys.recall(request);
  if (given !== undefined) return again(given.answer);
  const detail = 'The user has used all idempotency keys that one user may use in an hour.';
  const headers = { 'Retry-After': String(keyBudget.secondsLeft()) };
  return problem('too-many-keys', { detail }, headers);
}

async function givenBefore(
  idempotencyKeys: IdempotencyKeys,
  asked: Asked,
  { code }: ProblemAnswer,
  exchange: Exchange,
): Promise<StoredAnswer | undefined> {
  const { key } = asked;
  if (key === undefined || (code !== 'not-admitted' && code !== 'token-unknown')) return undefined;
  const request = keyedRequest(asked, key, contextOf(asked, exchange));
  if (request.bearer === undefined) return undefined;
  const given = await idempotencyKeys.recall(request);
  if (given === undefined) return undefined;
  const isShown = code === 'not-admitted' || given.bearer === request.bearer;
  return isShown ? again(given.answer) : undefined;
}

const again = ({ status, headers, body }: Omit<StoredAnswer, 'kind' | 'replayed'>) =>
  ({ kind: 'stored', replayed: true, status, headers, body }) as const;

function contextOf({ name, userId, key }: Asked, exchange: Exchange): CommandContext {
  return commandContext(commandId(name, userId, key), exchange);
}

function keyedRequest(asked: Asked, key: string, context: CommandContext): KeyedRequest {
  const { name, userId, fields } = asked;
  const token = asked.token === undefined ? undefined : bearerToken(asked.token);
  return {
    keyHash: keyHash(name, userId, key),
    fingerprint: digest(canonical(fields)),
    bearer: token === undefined ? undefined : digest(token),
    context,
  };
}

/** JSON with sorted members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, part) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/**
 * The id of a command. One user, call and key always give the same id. Without a key, the id is
 * random.
 */
export function commandId(name: string, userId: string, key: string | undefined): string {
  if (key === undefined) return randomUUID();
  const hex = keyHash(name, userId, key);
  // UUID version 8 (RFC 9562): bits of one's own making.
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const third = `8${hex.slice(13, 16)}`;
  const fourth = `${variant}${hex.slice(17, 20)}`;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${third}-${fourth}-${hex.slice(20, 32)}`;
}

/** A user and a key make at most one charge, because the id of the charge comes from both. */
export function chargeId(userId: string, key: string): string {
  return digest(`${userId}\n${key}`).slice(0, chargeIdHexLength);
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
