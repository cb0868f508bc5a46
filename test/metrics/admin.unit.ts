import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { eventAt } from '../../src/events/log-position.ts';
import { leaveNote } from '../../src/metrics/command-notes.ts';
import { LiveLag } from '../../src/projections/engine/live-lag.ts';
import { bearer, bill, order } from '../http/support/api.ts';
import { type Admin, serveAdmin } from './support/admin.ts';

describe('the admin listener', () => {
  let admin: Admin;
  beforeEach(async () => {
    admin = await serveAdmin();
  });
  afterEach(() => admin.stop());

  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(admin.apiUrl + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  it('has its pages, and the API has no metrics', async () => {
    const answer = await fetch(`${admin.url}/metrics`);
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('content-type')).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect((await answer.text()).at(-1)).to.equal('\n');
    expect((await fetch(`${admin.url}/livez`)).status).to.equal(200);
    const ready = await fetch(`${admin.url}/readyz`);
    expect(await ready.json()).to.include.keys('status', 'dependencies', 'projection', 'clock');
    Object.assign(admin.fake.probes, { eventStore: async () => false });
    const down = await fetch(`${admin.url}/readyz`);
    expect(down.status).to.equal(503);
    expect(await down.json()).to.deep.include({
      dependencies: { eventStore: 'down', queue: 'up', postgres: 'up' },
    });
    expect((await fetch(`${admin.apiUrl}/metrics`)).status).to.equal(404);
  });

  it('refuses other paths, other methods and the names of other sites', async () => {
    const missing = await fetch(`${admin.url}/concert`);
    expect(missing.status).to.equal(404);
    expect(await missing.json()).to.include({ code: 'path-not-found' });
    const posted = await fetch(`${admin.url}/metrics`, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    const { hostname, port } = new URL(admin.url);
    const socket = connect(Number(port), hostname);
    socket.write('GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    const [text] = await once(socket.setEncoding('utf8'), 'data');
    socket.destroy();
    expect(text).to.include('host-not-allowed').and.not.to.include('reprise_');
  });

  it('counts requests by call and status, and problems by code', async () => {
    await fetch(`${admin.apiUrl}/concert`);
    await fetch(`${admin.apiUrl}/concert`);
    await fetch(`${admin.apiUrl}/nowhere`);
    await post('/concert/reservation', order);
    Object.assign(admin.fake.sales, {
      pay: async () => ({ ok: false, refusal: { code: 'balance-too-small', detail: 'No.' } }),
    });
    const key = { ...bearer(7), 'Idempotency-Key': 'one' };
    for (let times = 0; times < 2; times += 1) await post('/concert/payment', bill, key);
    const values = await admin.values();
    const problems = [...values].filter(([name]) => name.startsWith('reprise_problems_total'));
    expect(Object.fromEntries(problems)).to.deep.equal({
      'reprise_problems_total{code="path-not-found"}': 1,
      'reprise_problems_total{code="token-missing"}': 1,
      // Repeated by its key it is a request, and no further problem.
      'reprise_problems_total{code="balance-too-small"}': 1,
    });
    const requests = [...values].filter(([name]) => name.startsWith('reprise_http_requests_total'));
    expect(Object.fromEntries(requests)).to.deep.equal({
      'reprise_http_requests_total{call="listConcerts",status="200"}': 2,
      'reprise_http_requests_total{call="none",status="404"}': 1,
      'reprise_http_requests_total{call="reserveSeat",status="401"}': 1,
      'reprise_http_requests_total{call="payReservation",status="402"}': 2,
    });
    const bucket = 'reprise_http_request_duration_seconds_bucket{le="10",call="listConcerts"}';
    expect(values.get(bucket)).to.equal(2);
  });

  it('counts what is no HTTP as a problem', async () => {
    const { hostname, port } = new URL(admin.apiUrl);
    const socket = connect(Number(port), hostname, () => socket.write('nonsense\r\n\r\n'));
    socket.resume();
    await once(socket, 'close');
    expect((await admin.values()).get('reprise_problems_total{code="malformed-http"}')).to.equal(1);
  });

  it('tells of the read side, and does not know what PostgreSQL does not tell', async () => {
    const unknown = await serveAdmin(() => Promise.reject(new Error('away')));
    try {
      Object.assign(unknown.fake.reads, { lagSeconds: 1.5, lagEvents: 4, stalledSeconds: 40 });
      const values = await unknown.values();
      expect(values.get('reprise_projection_lag_seconds')).to.equal(1.5);
      expect(values.get('reprise_projection_lag_events')).to.equal(4);
      expect(values.get('reprise_ready')).to.equal(0);
      expect(values.get('reprise_dependency_up{dependency="eventStore"}')).to.equal(1);
      expect(values.get('reprise_payments_open')).to.be.NaN;
    } finally {
      await unknown.stop();
    }
    expect((await admin.values()).get('reprise_ready')).to.equal(1);
    expect((await admin.values()).get('reprise_payments_open')).to.equal(0);
  });
});

describe('what commands know', () => {
  const place = (dataDir: string) => ({ dataDir, eventStoreUrl: undefined });

  it('is unknown before they ran, and exported afterwards; so is the disk', async () => {
    const admin = await serveAdmin();
    try {
      const before = await admin.values();
      expect(before.get('reprise_verify_violations')).to.be.NaN;
      expect(before.has('reprise_backup_age_seconds{mode="follow"}')).to.equal(false);
      expect(before.get('reprise_disk_free_bytes')).to.be.greaterThan(0);
    } finally {
      await admin.stop();
    }
    const later = await serveAdmin();
    try {
      const at = new Date(Date.now() - 60_000).toISOString();
      await leaveNote(place(later.dataDir), { verify: { at, violations: 2 } });
      const backup = { at, mode: 'follow', archive: 'one', position: '77' } as const;
      await leaveNote(place(later.dataDir), { backup });
      const values = await later.values();
      expect(values.get('reprise_verify_violations')).to.equal(2);
      expect(values.get('reprise_verify_age_seconds')).to.be.closeTo(60, 5);
      expect(values.get('reprise_backup_age_seconds{mode="follow"}')).to.be.closeTo(60, 5);
      expect(values.get('reprise_backup_position{mode="follow"}')).to.equal(77);
    } finally {
      await later.stop();
    }
  });
});

describe('the live lag', () => {
  const seen = (state: 'live' | 'catching-up') => {
    const seconds: number[] = [];
    const lag = new LiveLag(
      () => ({ state }),
      () => 10_000,
      (one) => seconds.push(one),
    );
    const step = (createdMs: number, isEvent = true) =>
      ({ position: eventAt(1n), createdMs, changes: [], isEvent }) as const;
    lag.committed([step(9_998), step(10_001), step(0, false), step(-90_000)]);
    return seconds;
  };

  it('is told of each event, in seconds, and never below 0', () => {
    expect(seen('live')).to.deep.equal([0.002, 0, 100]);
  });

  it('does not count what came before the read side was live', () => {
    expect(seen('catching-up')).to.deep.equal([]);
  });
});
