import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, type StatusObject } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type GrpcCall, receiveBytesMax, Status } from '../../embedded/eventstore/rpc/grpc-call.ts';
import { GrpcServer } from '../../embedded/eventstore/rpc/grpc-server.ts';
import { eventually } from '../support/eventually.ts';

const frame = (message: Uint8Array) => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
};

interface Answer {
  status: number;
  message: string;
  trailers: Record<string, unknown>;
  body: Buffer;
}

/**
 * The bare HTTP/2 of gRPC, so that frames come as the test wants them, not as a library sends them.
 */
describe('event store: gRPC', () => {
  let server: GrpcServer;
  let session: ClientHttp2Session;
  let port: number;
  let handler: (call: GrpcCall) => void = () => {};

  beforeEach(async () => {
    server = new GrpcServer(new Map([['/test/Call', (call: GrpcCall) => handler(call)]]));
    port = await server.listen('127.0.0.1', 0);
    session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
  });

  afterEach(async () => {
    session.destroy();
    await server.stop();
  });

  function open(headers: Record<string, string> = {}, path = '/test/Call'): ClientHttp2Stream {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    stream.on('error', () => {});
    return stream;
  }

  async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
    let headers: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    stream.on('response', (received) => {
      headers = { ...headers, ...received };
    });
    stream.on('trailers', (received) => {
      headers = { ...headers, ...received };
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'close');
    return {
      status: Number(headers['grpc-status']),
      message: decodeURIComponent(String(headers['grpc-message'] ?? '')),
      trailers: headers,
      body: Buffer.concat(chunks),
    };
  }

  /** Answers with every message it was sent. */
  function echo(call: GrpcCall) {
    call.listen({
      message: (message) => call.send(Buffer.from(message)),
      halfClosed: () => call.end(Status.ok),
    });
  }

  it('messages arrive whole however they are cut into frames', async () => {
    handler = echo;
    const messages = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(70_000, 7), Buffer.from('z')];
    const bytes = Buffer.concat(messages.map(frame));
    for (const size of [4, 5, 6, 1_000, bytes.length]) {
      const stream = open();
      for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
      stream.end();
      const answer = await answerOf(stream);
      expect(answer.body.equals(bytes), `in pieces of ${size}`).to.equal(true);
      expect(answer.status).to.equal(Status.ok);
    }
  });

  it('refuses a message above the limit by its length alone', async () => {
    handler = echo;
    const header = Buffer.alloc(5);
    header.writeUInt32BE(receiveBytesMax + 1, 1);
    const stream = open();
    stream.end(header);
    expect((await answerOf(stream)).status).to.equal(Status.resourceExhausted);
  });

  it('refuses a compressed message', async () => {
    handler = echo;
    const stream = open();
    stream.end(Buffer.from([1, 0, 0, 0, 0]));
    expect((await answerOf(stream)).status).to.equal(Status.unimplemented);
  });

  it('what it does not have is UNIMPLEMENTED', async () => {
    const stream = open({}, '/event_store.client.projections.Projections/Create');
    stream.end();
    const answer = await answerOf(stream);
    expect(answer.status).to.equal(Status.unimplemented);
    expect(answer.message).to.contain('/event_store.client.projections.Projections/Create');
  });

  it('ends a call at its deadline', async () => {
    handler = (call) => call.listen({});
    const stream = open({ 'grpc-timeout': '30m' });
    stream.end(frame(Buffer.from('x')));
    expect((await answerOf(stream)).status).to.equal(Status.deadlineExceeded);
  });

  it('a handler that throws ends its own call, not the server', async () => {
    handler = (call) =>
      call.once(() => {
        throw new Error('broken');
      });
    for (let again = 0; again < 2; again++) {
      const stream = open();
      stream.end(frame(Buffer.from('x')));
      expect(await answerOf(stream)).to.include({
        status: Status.invalidArgument,
        message: 'broken',
      });
    }
  });

  it('status messages and trailers outside ASCII are encoded', async () => {
    handler = (call) => call.end(Status.notFound, '좌석 100% 없음\n', { 'stream-name': '좌석-1' });
    const stream = open();
    stream.end();
    const answer = await answerOf(stream);
    expect(answer.message).to.equal('좌석 100% 없음\n');
    expect(answer.trailers['stream-name']).to.equal(encodeURIComponent('좌석-1'));
  });

  it('a reader that takes nothing stops the sender, and going on lets it go on', async () => {
    const message = Buffer.alloc(64 * 1024);
    const total = 500;
    let sent = 0;
    handler = (call) => {
      const sendAll = async () => {
        while (sent < total) {
          call.send(message);
          call.flush();
          sent++;
          await call.drained();
        }
        call.end(Status.ok);
      };
      call.once(() => void sendAll());
    };
    const stream = open();
    stream.end(frame(Buffer.alloc(0)));
    await once(stream, 'response');
    // The window of a stream is 64 KB: a few messages fill all there is between the two.
    await eventually('the sender stops', () => sent > 0);
    const stoppedAt = await steady(() => sent);
    expect(stoppedAt).to.be.lessThan(20);
    const answer = await answerOf(stream);
    expect(answer.body.length).to.equal(total * (message.length + 5));
  });

  it('hears of a client that went away, and drops what was meant for it', async () => {
    let closed = 0;
    handler = (call) => call.onceClosed(() => closed++);
    const stream = open();
    await eventually('the call is there', () => server.load.calls === 1);
    stream.close(8);
    await eventually('the call is gone', () => closed === 1 && server.load.calls === 0);
  });

  it('stops within a second although calls are open, which end with CANCELLED', async () => {
    handler = (call) => {
      call.listen({});
      call.send(Buffer.from('one'));
    };
    const stream = open();
    const answer = answerOf(stream);
    await once(stream, 'response');
    const started = performance.now();
    await server.stop();
    expect(performance.now() - started).to.be.lessThan(3_000);
    expect((await answer).status).to.equal(Status.cancelled);
  });

  it('a stop ends the calls of clients that do not read on with CANCELLED, too', async () => {
    let answers = 0;
    let isBlocked = () => false;
    handler = (call) => {
      isBlocked = () => call.isBlocked;
      call.listen({
        message() {
          answers++;
          call.send(Buffer.alloc(512 * 1024));
        },
      });
    };
    const bytes = (buffer: Buffer): Buffer => buffer;
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': receiveBytesMax,
    });
    const call = client.makeBidiStreamRequest('/test/Call', bytes, bytes);
    call.on('error', () => {}); // `status` has it
    const ended = new Promise<StatusObject>((resolve) => call.on('status', resolve));
    // More than the client reads ahead of who takes its messages, which are 16.
    for (let message = 0; message < 60; message++) call.write(Buffer.alloc(1));
    await eventually('it reads no more', () => answers === 60 && isBlocked());
    await server.stop();
    call.resume();
    const status = await ended;
    // In the server's words, if the client had read enough for these to come through.
    expect(status.code).to.equal(Status.cancelled);
    client.close();
  });

  it('a session that is over leaves no socket behind', async () => {
    const quick = new GrpcServer(new Map([['/test/Call', echo]]), undefined, 100);
    const dying = connect(`http://127.0.0.1:${await quick.listen('127.0.0.1', 0)}`);
    let isDead = false;
    dying.on('error', () => {});
    dying.on('close', () => {
      isDead = true;
    });
    try {
      // Node ends a session that resets calls at such a rate, and reads no more from its socket.
      await eventually('the session is dead', async () => {
        for (let call = 0; call < 200 && !isDead; call++) {
          const stream = dying.request({ ':method': 'POST', ':path': '/test/Call' });
          stream.on('error', () => {});
          setImmediate(() => stream.close(constants.NGHTTP2_CANCEL));
        }
        await delay(5);
        return isDead;
      });
      await eventually('its socket is gone', () => quick.load.connections === 0);
    } finally {
      dying.destroy();
      await quick.stop();
    }
  });

  it('a session that is only quiet is kept', async () => {
    const quick = new GrpcServer(new Map([['/test/Call', echo]]), undefined, 50);
    const quiet = connect(`http://127.0.0.1:${await quick.listen('127.0.0.1', 0)}`);
    await once(quiet, 'connect');
    await delay(500);
    expect([quick.load.connections, quiet.destroyed]).to.deep.equal([1, false]);
    quiet.destroy();
    await quick.stop();
  });
});

/** The value once it has not changed for a while. */
async function steady(value: () => number): Promise<number> {
  let last = Number.NaN;
  let since = performance.now();
  await eventually('a value that stays', () => {
    if (value() !== last) {
      last = value();
      since = performance.now();
    }
    return performance.now() - since > 200;
  });
  return last;
}
