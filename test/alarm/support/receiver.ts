import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A body of Alertmanager's webhook, as far as tests look at it. */
export interface Notification {
  readonly version: string;
  readonly status: 'firing' | 'resolved';
  readonly groupKey: string;
  readonly groupLabels: { readonly alertname: string };
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
    readonly endsAt: string;
    readonly fingerprint: string;
  }[];
}

export interface Receiver {
  readonly url: string;
  /** What was taken (2xx), by path. */
  readonly taken: { readonly path: string; readonly body: string }[];
  /** How many requests came, taken or not. */
  readonly asked: () => number;
  /** Of the webhook at `/hook`, those of this name. */
  of(name: string): readonly Notification[];
  close(): Promise<void>;
}

/** A real HTTP server that is told. @param statusOf of the n-th request, from 1 */
export async function receive(statusOf: (nth: number) => number = () => 200): Promise<Receiver> {
  const taken: { path: string; body: string }[] = [];
  let asked = 0;
  const server = createServer(async (req, res) => {
    asked += 1;
    const status = statusOf(asked);
    let body = '';
    for await (const chunk of req) body += chunk;
    if (status < 300) taken.push({ path: req.url ?? '', body });
    res.writeHead(status).end('told');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    taken,
    asked: () => asked,
    of: (name) =>
      taken
        .filter(({ path }) => path === '/hook')
        .map(({ body }) => JSON.parse(body) as Notification)
        .filter(({ groupLabels }) => groupLabels.alertname === name),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
