import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';

const program = fileURLToPath(new URL('support/cluster.ts', import.meta.url));

describe('listeners in two workers', function () {
  this.timeout(60_000);
  let primary: ChildProcess;
  let port: number;
  let printed = '';
  before(async () => {
    [port = 0] = await freePorts(1);
    const args = ['--import', 'tsx', program, String(port)];
    primary = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    primary.stdout?.on('data', (chunk) => {
      printed += chunk;
    });
    await eventually('both listen', () => printed.split('\n').length > 2, 30_000);
  });
  after(async () => {
    primary.kill('SIGKILL');
    await once(primary, 'exit');
  });

  it('on a free port have a port each', () => {
    const [first, second] = printed.trim().split('\n');
    expect(first).to.not.equal(second);
  });

  it('drop a connection when both have as many as they may have', async () => {
    const sockets: Socket[] = [];
    const open = async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      return socket;
    };
    try {
      const kept = [await open(), await open()];
      for (const socket of kept) {
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket, 'data');
      }
      const dropped = await open();
      await eventually('the third is closed', () => dropped.resume().closed, 5_000);
      expect(kept.some(({ closed }) => closed)).to.equal(false);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});
