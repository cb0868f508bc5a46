import { expect } from 'chai';
import { httpLimits } from '../../src/http/limits.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';
import { type Api, bearer, order, serveApi } from './support/api.ts';
import { fakeApi } from './support/fake-api.ts';
import { open } from './support/wire.ts';

describe('draining', () => {
  it('serves on, is not ready, and ends each connection with its answer', async () => {
    const api = await serveApi();
    try {
      expect((await api.call('GET', '/readyz')).status).to.equal(200);
      const busy = open(api.port);
      busy.socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
      await eventually('its answer', () => busy.text().includes('alive'));
      api.server.drain();
      const { status, body } = await api.call('GET', '/readyz');
      expect([status, body.code]).to.deep.equal([503, 'not-ready']);
      expect(await api.server.readiness()).to.include({ state: 'draining' });
      busy.socket.write('GET /concert HTTP/1.1\r\nHost: x\r\n\r\n');
      await busy.ended;
      expect(busy.text())
        .to.match(/connection: close/i)
        .and.contain('Requiem');
      const asked = { headers: bearer(7), body: order };
      expect((await api.call('POST', '/concert/reservation', asked)).status).to.equal(200);
    } finally {
      await api.stop();
    }
  });
});

describe('closing', () => {
  let api: Api;
  let release: () => void;
  beforeEach(async () => {
    api = await serveApi();
    const { reserve } = api.fake.sales;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    api.fake.sales.reserve = async (command) => {
      const result = await reserve(command);
      await gate;
      return result;
    };
  });
  afterEach(() => api.stop());

  const underWay = () => {
    const reply = api.call('POST', '/concert/reservation', { headers: bearer(7), body: order });
    return { reply, started: eventually('reservation', () => api.fake.sales.contexts.length > 0) };
  };

  it('finishes what is under way, accepts nothing new and ends idle connections', async () => {
    const idle = open(api.port);
    idle.socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually('first answer', () => idle.text().endsWith('{"status":"alive"}'));
    const { reply, started } = underWay();
    await started;
    let closed = false;
    const closing = api.server.close().then(() => {
      closed = true;
    });
    await idle.ended;
    const refused = await fetch(`http://127.0.0.1:${api.port}/livez`).catch(() => 'refused');
    expect(refused).to.equal('refused');
    expect(closed).to.equal(false);
    release();
    expect((await reply).status).to.equal(200);
    const from = performance.now();
    await closing;
    expect(performance.now() - from).to.be.below(httpLimits.keepAliveTimeoutMs / 10);
  });

  it('tells a connection that goes on asking to close', async () => {
    const { reply, started } = underWay();
    await started;
    const busy = open(api.port);
    // Half a request: the connection is not idle when closing begins.
    busy.socket.write('GET /livez HTTP/1.1\r\n');
    await eventually('the half request', () => busy.socket.bytesWritten > 0);
    // A request later on the same listener shows that the half one was read.
    await api.call('GET', '/livez');
    const closing = api.server.close();
    busy.socket.write('Host: x\r\n\r\n');
    await busy.ended;
    expect(busy.text()).to.match(/^HTTP\/1\.1 200 /);
    expect(busy.text()).to.match(/^connection: close$/im);
    release();
    await reply;
    await closing;
  });

  it('cuts what is not done within the bound', async () => {
    const { reply, started } = underWay();
    const cut = reply.then(
      () => 'answered',
      () => 'cut',
    );
    await started;
    await api.server.close(100);
    expect(await cut).to.equal('cut');
  });

  it('may be asked for twice, and before listening', async () => {
    await Promise.all([api.server.close(), api.server.close()]);
    await api.server.close();
    await createHttpServer(fakeApi()).close();
  });

  it('a port that is taken is an error', async () => {
    const other = createHttpServer(fakeApi());
    const error = await other.listen(api.port, '127.0.0.1').catch((reason) => reason);
    expect(error).to.include({ code: 'EADDRINUSE' });
  });
});
