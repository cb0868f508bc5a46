import { decode, type RecordedEvent } from '../events/codec.ts';
import { describeHold, type Hold, holdAt, iso, type SeatHolds } from './holds.ts';
import { endings } from './words.ts';

/** The number of newest holds that an answer lists. */
const holdsListedMax = 50;

/** The stored answer to a user's request with an idempotency key, and its time. */
export interface RememberedAnswer {
  readonly atMs: number;
  readonly status: number;
  readonly body: string;
}

/** The last answer in a key's stream; undefined when the log has none. @throws UnreadableEvent */
export async function answerIn(
  requestEvents: AsyncIterable<RecordedEvent>,
): Promise<RememberedAnswer | undefined> {
  let answer: RememberedAnswer | undefined;
  for await (const recorded of requestEvents) {
    if (recorded.type !== 'RequestAnswered') continue;
    const event = decode(recorded);
    if (event.type !== 'RequestAnswered') continue;
    const { status, body } = event.data;
    answer = { atMs: recorded.createdMs, status, body };
  }
  return answer;
}

export interface Asked {
  readonly userId: string;
  /** The answer to the given key, or null if the log has none. */
  readonly answer?: RememberedAnswer | null | undefined;
  /** Only holds that existed between these times. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The reasons in the log why a user did not get a seat, line by line. */
export function whyNot({ holds, leftOut, unreadable }: SeatHolds, asked: Asked): string[] {
  const { userId, fromMs, untilMs } = asked;
  const wanted = holds.filter(
    (hold) => hold.fromMs <= untilMs && (hold.ended?.atMs ?? Number.POSITIVE_INFINITY) >= fromMs,
  );
  const listed = wanted.slice(-holdsListedMax);
  const own = wanted.filter((hold) => hold.userId === userId);
  const last = own.at(-1);
  const hasIt = last !== undefined && last.ended === undefined;
  const unknown = unsaid(hasIt, unreadable, asked.answer !== undefined);
  const earlier = leftOut + wanted.length - listed.length;
  return [
    'Who had the seat:',
    ...(earlier === 0
      ? []
      : [`  … ${earlier} earlier holds are not listed; --from and --until choose`]),
    ...(listed.length === 0 ? ['  nobody'] : listed.map((hold) => `  ${describeHold(hold)}`)),
    `User ${userId}:`,
    ...ofUser(own, holds).map((line) => `  ${line}`),
    ...ofKey(holds, asked.answer).map((line) => `  ${line}`),
    ...(unknown.length === 0 ? [] : ['What the log cannot say:']),
    ...unknown.map((line) => `  ${line}`),
  ];
}

/** Refused attempts are not mentioned to the user who has the seat, because they had no effect. */
function unsaid(hasIt: boolean, unreadable: number, isKeyGiven: boolean): string[] {
  return [
    ...(unreadable === 0
      ? []
      : [`${unreadable} events of the seat cannot be read by this version`]),
    ...(hasIt
      ? []
      : [
          'a refused request leaves no event: the log shows neither its time nor the reason of the refusal',
          `only requests with an Idempotency-Key leave their answer in the log${isKeyGiven ? '' : ': give the key with --key'}`,
        ]),
  ];
}

function ofUser(own: readonly Hold[], holds: readonly Hold[]): string[] {
  const last = own.at(-1);
  if (last === undefined) return ['never held it: no event of the seat names this user'];
  if (last.ended === undefined) {
    const before = own.length === 2 ? 'once' : `${own.length - 1} times`;
    return [
      `has it: reservation ${last.reservationId}, since ${iso(last.fromMs)}`,
      ...(own.length === 1 ? [] : [`held it ${before} before`]),
    ];
  }
  const times = own.length === 1 ? 'held it once' : `held it ${own.length} times, last`;
  const { atMs, reason } = last.ended;
  const next = holds[holds.indexOf(last) + 1];
  return [
    `${times} from ${iso(last.fromMs)} until ${iso(atMs)}, and lost it: ${endings[reason]}`,
    next === undefined
      ? 'nobody has held it since then: it is free'
      : `${next.userId === last.userId ? 'the same user' : `user ${next.userId}`} held it next, from ${iso(next.fromMs)}`,
  ];
}

function ofKey(holds: readonly Hold[], answer: RememberedAnswer | null | undefined): string[] {
  if (answer === undefined) return [];
  if (answer === null) {
    return [
      'the log has no answer to a reservation request with that key: the request never came, or has no answer yet',
    ];
  }
  const holder = holdAt(holds, answer.atMs);
  return [
    `the reservation request with that key got the answer ${answer.status} at ${iso(answer.atMs)}: ${inShort(answer)}`,
    holder === undefined
      ? 'at that time nobody had the seat'
      : `at that time this user had the seat: ${describeHold(holder)}`,
    'the log does not store which seat this request was for',
  ];
}

/** For a refusal its code and sentence, otherwise the body as it was sent. */
function inShort({ status, body }: RememberedAnswer): string {
  if (status < 400) return body;
  try {
    const { code, detail } = JSON.parse(body) as { code?: string; detail?: string };
    return `${code}, ${detail}`;
  } catch {
    return body;
  }
}
