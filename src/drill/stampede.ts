import { Agent, get } from 'node:http';
import { pause } from '../support/pause.ts';
import type { Drill, Hands } from './drill-form.ts';

/** Users who enrol, and the time in which they do, in milliseconds. */
const enrolling = 10_000;
const withinMs = 1_000;
/** They come in groups, so far apart, in milliseconds. */
const groupMs = 10;
/** Connections at the same time: more wait in this process, as behind a balancer. */
const socketsMax = 1_000;
/** The longest wait of one of them, in milliseconds. */
const answerMs = 30_000;
/** The largest growth of the service's memory meanwhile, in bytes. */
const growthMax = 512 * 1_024 * 1_024;
/** The time between two readings of its memory, in milliseconds. */
const lookMs = 250;

/** A place in the queue; or that it is full, or has too much to do. */
const owed: ReadonlySet<string> = new Set(['200', 'queue-full', 'overloaded']);

/** @returns the status, the code of a refusal, or what went wrong */
function enrol(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    get(url, { agent, timeout: answerMs }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', ({ message }) => resolve(message));
      response.on('end', () => {
        const code = /"code":"([a-z-]+)"/.exec(text)?.[1];
        resolve(response.statusCode === 200 ? '200' : (code ?? String(response.statusCode)));
      });
    })
      .on('timeout', function (this: { destroy(error: Error): void }) {
        this.destroy(new Error(`no answer within ${answerMs} ms`));
      })
      .on('error', ({ message }) => resolve(message));
  });
}

/**
 * All users enrol, as fast as this machine can send the requests.
 * @returns the number of each kind of answer
 */
async function stampede({ service }: Hands['site']): Promise<ReadonlyMap<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax });
  const answers: Promise<string>[] = [];
  const fromMs = performance.now();
  while (answers.length < enrolling) {
    const due = Math.min(1, (performance.now() - fromMs + groupMs) / withinMs) * enrolling;
    while (answers.length < due) {
      const path = `/concert/waiting/status?userId=crowd-${answers.length + 1}`;
      answers.push(enrol(service.url + path, agent));
    }
    await pause(groupMs);
  }
  const counts = new Map<string, number>();
  for (const answer of await Promise.all(answers)) {
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  agent.destroy();
  return counts;
}

async function memoryOf({ service }: Hands['site']): Promise<number | undefined> {
  const page = await fetch(`${service.adminUrl}/metrics`).then(
    (answer) => answer.text(),
    () => '',
  );
  const bytes = /^(?:reprise_)?process_resident_memory_bytes (\S+)/m.exec(page)?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}

/** @returns the most memory that the service had while `work` was done, in bytes */
async function mostMemory(site: Hands['site'], work: Promise<unknown>): Promise<number> {
  const ended = new AbortController();
  void work.catch(() => {}).then(() => ended.abort());
  let most = 0;
  do {
    most = Math.max(most, (await memoryOf(site)) ?? 0);
    await pause(lookMs, ended.signal);
  } while (!ended.signal.aborted);
  return Math.max(most, (await memoryOf(site)) ?? 0);
}

/** Everybody wants to buy in the same second. */
export const stampedeDrill: Drill = {
  name: 'stampede',
  about: `${enrolling.toLocaleString('en')} users enrol in the waiting queue within ${withinMs / 1_000} s`,
  expected:
    'each user gets a place, or the answer that the queue is full; memory grows by at most 512 MB',
  public: {
    en: 'We let ten thousand people come to the waiting queue in one second.',
    ko: '1초 동안 1만 명이 대기열에 들어오게 했습니다.',
  },
  // Buyers who paid are in line behind users who never come back.
  bounds: { recoverAfterFaultMax: 50, slowestMax: 10 },
  site: {},
  async method({ site, act, fault, over }) {
    const before = await memoryOf(site);
    if (before === undefined) throw new Error('the service does not say how much memory it has');
    fault();
    const coming = stampede(site);
    const most = mostMemory(site, coming);
    const answers = await act('all enrol, and each has an answer', () => coming);
    over();
    await act('only answers that are owed', () => {
      const said = [...answers].map(([answer, n]) => `${n}× ${answer}`).join(', ');
      const wrong = [...answers.keys()].filter((answer) => !owed.has(answer));
      if (wrong.length > 0) throw new Error(said);
      return said;
    });
    await act('bounded memory', async () => {
      const grew = (await most) - before;
      const said = `${Math.round(before / 1_048_576)} MB before, ${Math.round(grew / 1_048_576)} MB more at most`;
      if (grew > growthMax) throw new Error(said);
      return said;
    });
  },
};
