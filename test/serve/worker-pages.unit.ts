import { expect } from 'chai';
import { render } from '../../src/http/answer.ts';
import type { Readiness } from '../../src/http/readiness.ts';
import { readyzOf } from '../../src/serve/worker-pages.ts';

type Told = Readiness['state'] | 'no answer' | 'starting';

/** What the page of the primary process says about workers in these states. */
async function page(...states: readonly Told[]) {
  const readiness = (state: Told) =>
    state === 'no answer'
      ? undefined
      : { state, dependencies: { queue: 'up' }, projection: { state: 'live' } };
  const answers = states.flatMap((state, n) =>
    state === 'starting' ? [] : [[n + 1, readiness(state)] as const],
  );
  const answer = await readyzOf({
    numbers: states.map((_, n) => n + 1),
    ask: async () => new Map(answers),
  });
  const { status, body } = render(answer, 'request');
  return { status, body: JSON.parse(String(body)) };
}

describe('/readyz of a service with workers', () => {
  it('is 200 when a worker serves and each one that serves is ready', async () => {
    expect((await page('ready', 'ready')).status).to.equal(200);
    expect((await page('ready', 'starting')).status).to.equal(200);
    expect((await page('ready', 'no answer')).status).to.equal(200);
    expect((await page('ready', 'degraded')).body).to.include({ status: 'degraded' });
  });

  it('is 503 when one that serves is not ready, and names the state of each', async () => {
    const { status, body } = await page('ready', 'not-ready');
    expect(status).to.equal(503);
    expect(body.dependencies).to.deep.equal({ queue: 'up' });
    expect(body.workers).to.deep.equal([
      { worker: 1, state: 'ready' },
      { worker: 2, state: 'not-ready' },
    ]);
    expect((await page('draining', 'ready')).status).to.equal(503);
  });

  it('is 503 when none serves', async () => {
    const { status, body } = await page('starting', 'no answer');
    expect(status).to.equal(503);
    expect(body.detail).to.equal('No worker serves. worker 1: starting, worker 2: no answer.');
  });
});
