import { expect } from 'chai';
import { allowedHosts } from '../../src/http/allowed-hosts.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { fakeApi } from './support/fake-api.ts';
import { expectRawProblem, raw } from './support/wire.ts';

describe('the Hosts that are answered', () => {
  const asks = async (config: { host: string; allowedHosts: string[] }, host: string) => {
    const fake = { ...fakeApi(), allowsHost: allowedHosts(config) };
    const server = createHttpServer(fake);
    try {
      const port = await server.listen(0, '127.0.0.1');
      const head = `GET /livez HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return await raw(port, head);
    } finally {
      await server.close(0);
    }
  };
  const local = { host: '127.0.0.1', allowedHosts: [] };

  it('by a service on loopback are its own names alone, on any port', async () => {
    for (const host of ['127.0.0.1:3000', 'localhost', 'LOCALHOST:80', '[::1]:3000']) {
      expect((await asks(local, host)).status, host).to.equal(200);
    }
    for (const host of ['evil.example', 'localhost.evil.example:3000', '127.0.0.1.evil.example']) {
      expectRawProblem(await asks(local, host), 421, 'host-not-allowed');
    }
  });

  it('are those of the setting besides, and elsewhere these alone', async () => {
    const named = { ...local, allowedHosts: ['Shop.example'] };
    expect((await asks(named, 'shop.example:443')).status).to.equal(200);
    const everywhere = { host: '0.0.0.0', allowedHosts: [] };
    expect((await asks(everywhere, 'any.example')).status).to.equal(200);
    const onlyNamed = { ...everywhere, allowedHosts: ['shop.example'] };
    expect((await asks(onlyNamed, 'any.example')).status).to.equal(421);
    expect((await asks({ ...local, allowedHosts: ['*'] }, 'any.example')).status).to.equal(200);
  });
});
