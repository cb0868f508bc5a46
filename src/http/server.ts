import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { problem, rawProblem } from './answer.ts';
import { type App, createApp, createRespond, type Reply, unrouted } from './app.ts';
import { boundConnections, Connections } from './connections.ts';
import { refuseAtTheDoor } from './door.ts';
import { type AnswerCounts, epochOf, type HttpDeps } from './endpoint.ts';
import { beginExchange } from './exchange.ts';
import { Gate } from './gate.ts';
import { KeyBudget } from './key-budget.ts';
import { httpLimits, type Timeouts } from './limits.ts';
import { close, type Listener, listen } from './listening.ts';
import { openapiBody } from './openapi.ts';
import { Outbox } from './outbox.ts';
import type { ProblemCode } from './problems.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { createRequestLog } from './request-log.ts';
import { livez, readyz } from './routes/health.ts';
import { SeatStreams } from './seat-streams.ts';

export interface HttpServer extends Listener {
  /**
   * Continues to serve, and announces the stop: `/readyz` is 503, and every answer ends its
   * connection.
   */
  drain(): void;

  /** What `/readyz` says, with its reasons. */
  readonly readiness: () => Promise<Readiness>;

  load(): HttpLoad;
}

/** The load of a server at the moment. */
export interface HttpLoad {
  readonly connections: ReturnType<Connections['counts']>;
  /** Bytes of large lists that slow clients have not read yet. */
  readonly waitingBytes: number;
  readonly seatStreams: number;
}

/**
 * The API of Reprise over HTTP/1.1. It starts nothing until `listen`.
 * @param app what several servers may share. Default: one of its own
 */
export function createHttpServer(
  deps: HttpDeps,
  shortened: Partial<Timeouts> = {},
  app: App = createApp(shortened.answerTimeoutMs ?? httpLimits.answerTimeoutMs),
): HttpServer {
  const timeouts: Timeouts = { ...httpLimits, ...shortened };
  const shown = () => deps.reads.status().position;
  const seatStreams = new SeatStreams(deps.seatFeed, shown, timeouts, () => epochOf(deps));
  const { log, allowsHost = () => true } = deps;
  const connections = new Connections(log, timeouts);
  const outbox = new Outbox(timeouts);
  const respond = createRespond(createRequestLog(log, deps.logSample), outbox, deps.counts);
  let isDraining = false;
  const readiness = createReadiness(deps, () => isDraining);
  const api = {
    ...{ ...deps, seatStreams, connections, outbox },
    pastGate: new Gate(httpLimits.pastRunningMax, httpLimits.pastWaitingMax),
    keyBudget: new KeyBudget(deps.idempotencyKeysMax, deps.now),
    readiness,
    document: openapiBody(),
  };
  const servedBy = { api, respond };
  let closing: Promise<void> | undefined;

  const begin = (req: IncomingMessage, res: ServerResponse): Reply => {
    const reply = Object.assign(res, { locals: beginExchange(req, res), servedBy });
    if (isDraining || closing !== undefined) reply.shouldKeepAlive = false;
    connections.asked(req.socket, res);
    return reply;
  };
  const server = createServer({ ...app.born, ...serverOptions(timeouts) }, (req, res) => {
    const reply = begin(req, res);
    const refusal =
      refuseAtTheDoor(req, allowsHost) ??
      (connections.isForProbes(req.socket) && !probes.has(req.url ?? '') ? noRoom : undefined);
    if (refusal !== undefined) {
      reply.shouldKeepAlive = false;
      respond(req, reply, refusal);
      return;
    }
    app.express(req as never, res as never, (error?: unknown) =>
      unrouted(req, reply, respond, error),
    );
  });
  server.timeout = timeouts.silenceTimeoutMs;
  boundConnections(server, connections, timeouts.connectionsMax + httpLimits.connectionsSpare);
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    const detail = 'The only expectation that the service supports is 100-continue.';
    respond(req, begin(req, res), problem('expectation-failed', { detail }));
  });
  refuseWhatIsNoRequest(server, connections, deps.counts);

  return {
    drain() {
      isDraining = true;
    },
    readiness,
    load: () => loadOf(connections, outbox, seatStreams),
    listen: (port, host) => listen(server, port, host),
    close(withinMs = httpLimits.closeMs) {
      seatStreams.close();
      closing ??= close(server, withinMs);
      return closing;
    },
  };
}

const loadOf = (connections: Connections, outbox: Outbox, { count }: SeatStreams): HttpLoad => ({
  connections: connections.counts(),
  waitingBytes: outbox.waitingBytes,
  seatStreams: count,
});

const serverOptions = (timeouts: Timeouts) => ({
  maxHeaderSize: httpLimits.headerBytesMax,
  headersTimeout: timeouts.headersTimeoutMs,
  requestTimeout: timeouts.requestTimeoutMs,
  connectionsCheckingInterval: timeouts.timeoutCheckMs,
  keepAliveTimeout: timeouts.keepAliveTimeoutMs,
  // The request listener checks the Host, so a missing Host gets an answer in the usual form.
  requireHostHeader: false,
});

/**
 * Answers on the socket itself if Node gives no request: after broken HTTP, timeouts, and CONNECT.
 */
function refuseWhatIsNoRequest(
  server: Server,
  connections: Connections,
  counts: AnswerCounts | undefined,
): void {
  const refuse = (socket: Duplex, code: ProblemCode, detail: string): void => {
    counts?.refused(code);
    endWith(socket, code, detail);
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const underWay = connections.underWay(socket as Socket);
    // The service answers a complete request even if its connection fails afterwards, because the
    // client must learn the result.
    if (underWay?.req.complete && !underWay.writableFinished) {
      underWay.shouldKeepAlive = false;
      underWay.once('close', () => socket.destroy());
      return;
    }
    const [code, detail] = clientProblems[error.code ?? ''] ?? brokenHttp;
    refuse(socket, code, detail);
  });
  server.on('connect', (_req, socket) => {
    refuse(socket, 'method-not-implemented', 'The service is not a proxy.');
  });
}

/** The paths that a balancer requests. They must always find room. */
const probes: ReadonlySet<string> = new Set([livez.path, readyz.path]);

const noRoom = problem('too-many-connections', {
  detail: 'The service has reached its limit of busy connections. Try again.',
});

const brokenHttp: readonly [ProblemCode, string] = [
  'malformed-http',
  'The received bytes are not an HTTP/1.1 request.',
];

const clientProblems: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: [
    'headers-too-large',
    `All headers together may have at most ${httpLimits.headerBytesMax} bytes.`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request took too long to arrive.'],
};

function endWith(socket: Duplex, code: ProblemCode, detail: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.on('error', () => socket.destroy());
  socket.end(rawProblem(code, detail, randomUUID()), () => socket.destroy());
}
