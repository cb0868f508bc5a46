import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type Relay, startRelay } from '../../src/drill/relay.ts';
import { eventually } from '../support/eventually.ts';

describe('the network between a service and a node, in a drill', () => {
  let echo: net.Server;
  let relay: Relay;
  const open: net.Socket[] = [];
  const connect = () => {
    const socket = net.connect(relay.port, '127.0.0.1').on('error', () => {});
    open.push(socket);
    const heard: string[] = [];
    socket.on('data', (chunk) => heard.push(chunk.toString()));
    return { socket, heard };
  };
  beforeEach(async () => {
    echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
    await once(echo.listen(0, '127.0.0.1'), 'listening');
    relay = await startRelay(undefined);
    relay.lead((echo.address() as AddressInfo).port);
  });
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    await relay.stop();
    echo.close();
  });

  it('carries both ways, and ends with either side', async () => {
    const { socket, heard } = connect();
    socket.write('one');
    await eventually('it comes back', () => heard.join('') === 'one');
    expect(relay.ends).to.equal(2);
    socket.destroy();
    await eventually('it is over', () => relay.ends === 0);
  });

  it('silent: nothing passes and nobody is told, on old connections and on new ones; mended: they break', async () => {
    const before = connect();
    before.socket.write('one');
    await eventually('it comes back', () => before.heard.length === 1);
    let isOver = false;
    before.socket.on('close', () => {
      isOver = true;
    });
    relay.silence();
    before.socket.write('two');
    const meanwhile = connect();
    meanwhile.socket.write('three');
    await delay(100);
    expect([before.heard, meanwhile.heard, isOver]).to.deep.equal([['one'], [], false]);
    await relay.mend();
    await eventually('the old one is broken', () => isOver);
    const after = connect();
    after.socket.write('four');
    await eventually('new ones work', () => after.heard.join('') === 'four');
  });
});
