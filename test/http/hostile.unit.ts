import { expect } from 'chai';
import { type Api, serveApi } from './support/api.ts';
import { sendHostile } from './support/hostile-crowd.ts';

/** `npm run test:promises` sends 100,000. The same seed sends the same requests. */
const requests = Number(process.env.HOSTILE_REQUESTS ?? 3_000);
const seed = Number(process.env.HOSTILE_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** 5xx that are right: what is not shown yet, and what no server here does. */
const rightly = ['read-side-behind', 'method-not-implemented'];

describe(`hostile requests over every route (HOSTILE_SEED=${seed})`, function () {
  this.timeout(Math.max(300_000, requests * 100));
  let api: Api;
  before(async () => {
    api = await serveApi();
  });
  after(() => api.stop());

  it(`${requests} get an answer in problem+json or below 400, or the end of their connection`, async () => {
    const statuses = await sendHostile(api.port, { requests, seed, rightly });
    expect([...statuses.keys()]).to.include.members([200, 400, 404, 405]);
    const bugs = api.fake.lines.filter((line) => JSON.parse(line).status === 500);
    expect(bugs).to.deep.equal([]);
    expect((await api.call('GET', '/livez')).status).to.equal(200);
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  });
});
