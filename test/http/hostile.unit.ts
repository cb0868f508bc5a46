import { connect } from 'node:net';
import { expect } from 'chai';
import { type Api, serveApi } from './support/api.ts';
import { Hostile, numbersFrom } from './support/hostile.ts';

/** `npm run test:promises` sends 100,000. The same seed sends the same requests. */
const requests = Number(process.env.HOSTILE_REQUESTS ?? 3_000);
const seed = Number(process.env.HOSTILE_SEED ?? Math.floor(Math.random() * 2 ** 32));
const together = 32;
/** Longer than the slowest answer that the service gives to a request that came whole, in milliseconds. */
const answeredMsMax = 15_000;

/** 5xx that are right: what is not shown yet, and what no server here does. */
const rightly = ['read-side-behind', 'method-not-implemented'];

interface Seen {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

describe(`hostile requests over every route (HOSTILE_SEED=${seed})`, function () {
  this.timeout(Math.max(300_000, requests * 100));
  let api: Api;
  before(async () => {
    api = await serveApi();
  });
  after(() => api.stop());

  it(`${requests} get an answer in problem+json or below 400, or the end of their connection`, async () => {
    const hostile = new Hostile(numbersFrom(seed));
    const statuses = new Map<number, number>();
    let left = requests;
    const send = async () => {
      while (left > 0) {
        left -= 1;
        const bytes = hostile.bytes();
        for (const seen of await exchange(api.port, bytes)) {
          statuses.set(seen.status, (statuses.get(seen.status) ?? 0) + 1);
          judge(seen, bytes);
        }
      }
    };
    await Promise.all(Array.from({ length: together }, send));
    const told = [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${n} × ${status}`);
    console.log(`      ${told.join(', ')}`);
    expect([...statuses.keys()]).to.include.members([200, 400, 404, 405]);
    const bugs = api.fake.lines.filter((line) => JSON.parse(line).status === 500);
    expect(bugs).to.deep.equal([]);
    expect((await api.call('GET', '/livez')).status).to.equal(200);
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  });
});

function judge({ status, head, body }: Seen, sent: Buffer): void {
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
