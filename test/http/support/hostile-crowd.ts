import { connect } from 'node:net';
import { expect } from 'chai';
import { Hostile, numbersFrom } from './hostile.ts';

const together = 32;
/**
 * Longer than the slowest answer that the service gives to a request that came whole, in
 * milliseconds.
 */
const answeredMsMax = 15_000;

interface Seen {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/**
 * Sends hostile requests, 32 at a time, and judges each answer: it is below 400 or in problem+json,
 * tells nothing of the code, and is a 5xx only where that is right.
 * @param rightly codes of problems from 500 up that are right
 * @returns how often each status was seen
 */
export async function sendHostile(
  port: number,
  {
    requests,
    seed,
    rightly,
  }: {
    readonly requests: number;
    readonly seed: number;
    readonly rightly: readonly string[];
  },
): Promise<ReadonlyMap<number, number>> {
  const hostile = new Hostile(numbersFrom(seed));
  const statuses = new Map<number, number>();
  let left = requests;
  const send = async () => {
    while (left > 0) {
      left -= 1;
      const bytes = hostile.bytes();
      for (const seen of await exchange(port, bytes)) {
        statuses.set(seen.status, (statuses.get(seen.status) ?? 0) + 1);
        judge(seen, bytes, rightly);
      }
    }
  };
  await Promise.all(Array.from({ length: together }, send));
  const told = [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${n} × ${status}`);
  console.log(`      ${told.join(', ')}`);
  return statuses;
}

function judge({ status, head, body }: Seen, sent: Buffer, rightly: readonly string[]): void {
  const what = `${JSON.stringify(sent.toString('latin1')).slice(0, 2_000)}\n${head}\n${body}`;
  if (status < 400) return;
  expect(head, what).to.match(/^content-type: application\/problem\+json$/im);
  expect(body, what).to.not.match(/\.ts:|\.js:|node_modules| {4}at /);
  if (status < 500) return;
  // The answer to HEAD has no body to tell it by.
  if (body !== '') expect(rightly, what).to.include(JSON.parse(body).code);
}

/** Sends bytes, says that no more come, and reads until the connection ends, or a stream begins. */
function exchange(port: number, bytes: Buffer): Promise<readonly Seen[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    const late = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(`not over in ${answeredMsMax} ms: ${JSON.stringify(bytes.toString('latin1'))}`),
      );
    }, answeredMsMax);
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.includes('text/event-stream') && text.includes('\ndata: ')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(late);
      resolve(answersIn(text));
    });
  });
}

/** No body of ours looks like the head of an answer. */
function answersIn(text: string): Seen[] {
  const heads = [...text.matchAll(/HTTP\/1\.1 (\d{3}) [^\r]*\r\n(?:[^\r\n]+\r\n)*\r\n/g)];
  return heads.map((match, at) => ({
    status: Number(match[1]),
    head: match[0],
    body: text.slice(match.index + match[0].length, heads[at + 1]?.index ?? text.length),
  }));
}
