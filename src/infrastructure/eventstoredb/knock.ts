import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** The first parts of a connection string. */
interface Address {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly wantsTls: boolean;
  readonly caFile: string | undefined;
}

/** What answered a connection. `silent`: nobody, or bytes of an unknown protocol. */
type Plain = 'http2' | 'other' | 'silent';
type Secured = 'http2' | 'other' | 'no-tls' | 'silent' | { readonly untrusted: string };

/** The first bytes of an HTTP/2 client (RFC 9113, 3.4): the preface and empty settings. */
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const settingsFrame = 4;

/**
 * Why the server at the addresses of a connection string cannot be an event store for this string:
 * it uses another protocol, uses TLS although the string does not (or the reverse), or has a
 * certificate that is not trusted. The client's own errors do not distinguish these reasons.
 * @returns undefined if one of the addresses may be right, or if no server listens there yet
 */
export async function whyNoEventStore(url: string, timeoutMs: number): Promise<string | undefined> {
  const { hosts, wantsTls, caFile } = parse(url);
  if (hosts.length === 0) return undefined;
  let ca: Buffer | undefined;
  try {
    if (wantsTls && caFile !== undefined) ca = readFileSync(caFile);
  } catch (error) {
    return `the file of tlsCAFile cannot be read (${(error as Error).message})`;
  }
  const found = await Promise.all(
    hosts.map(({ host, port }) => {
      const knocks = {
        plainly: () => knockPlainly(connectTcp({ host, port }), timeoutMs),
        securely: () => knockSecurely(host, port, ca, timeoutMs),
      };
      return wantsTls ? whyNotSecurely(knocks) : whyNotPlainly(knocks);
    }),
  );
  return found.every((why) => why !== undefined) ? found[0] : undefined;
}

interface Knocks {
  plainly(): Promise<Plain>;
  securely(): Promise<Secured>;
}

const noGrpc = 'what listens there does not speak gRPC';

async function whyNotPlainly({ plainly, securely }: Knocks): Promise<string | undefined> {
  const heard = await plainly();
  if (heard === 'http2') return undefined;
  const secured = await securely();
  if (secured === 'http2' || typeof secured === 'object') {
    return 'it wants TLS, and the URL says tls=false';
  }
  return heard === 'other' || secured === 'other' ? noGrpc : undefined;
}

async function whyNotSecurely({ plainly, securely }: Knocks): Promise<string | undefined> {
  const heard = await securely();
  if (heard === 'http2' || heard === 'silent') return undefined;
  if (typeof heard === 'object') {
    return `its certificate is not trusted (${heard.untrusted}): name its authority by tlsCAFile`;
  }
  if (heard === 'no-tls' && (await plainly()) === 'http2') {
    return 'it speaks no TLS, and the URL does not say tls=false';
  }
  return noGrpc;
}

/** Parses only the parts that are needed here. The client parses the whole string. */
function parse(url: string): Address {
  const [, hosts = '', query = ''] =
    /^esdb(?:\+discover)?:\/\/(?:[^/?]*@)?([^/?]+)\/?(?:\?(.*))?$/i.exec(url) ?? [];
  const settings = new Map(
    [...new URLSearchParams(query)].map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    hosts: hosts.split(',').flatMap((one) => {
      const [host, port] = one.split(':');
      return host ? [{ host, port: Number(port ?? 2113) }] : [];
    }),
    wantsTls: settings.get('tls')?.toLowerCase() !== 'false',
    caFile: settings.get('tlscafile'),
  };
}

function knockPlainly(socket: Socket, timeoutMs: number): Promise<Plain> {
  return new Promise((resolve) => {
    const end = (heard: Plain) => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(timeoutMs, () => end('silent'));
    socket.on('connect', () => socket.write(preface));
    socket.on('data', (chunk) => end(protocolOf(chunk)));
    socket.on('error', () => end('silent'));
    socket.on('close', () => end('silent'));
  });
}

/** By the type of the first frame, which is the fourth byte. */
function protocolOf(first: Buffer): Plain {
  if (first.length < 4) return 'silent';
  return first[3] === settingsFrame ? 'http2' : 'other';
}

function knockSecurely(
  host: string,
  port: number,
  ca: Buffer | undefined,
  timeoutMs: number,
): Promise<Secured> {
  return new Promise((resolve) => {
    const socket = connectTls({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      ...(ca === undefined ? {} : { ca }),
    });
    const end = (heard: Secured) => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(timeoutMs, () => end('silent'));
    socket.on('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') return end('other');
      end(socket.authorized ? 'http2' : { untrusted: String(socket.authorizationError) });
    });
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) =>
      end(handshakeErrors[code] ?? 'silent'),
    );
    socket.on('close', () => end('silent'));
  });
}

const handshakeErrors: Readonly<Record<string, Secured>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'no-tls',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'other',
};
