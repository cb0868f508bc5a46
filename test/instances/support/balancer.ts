import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/free-ports.ts';

/** A balancer before services. */
export interface Balancer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Between two questions of HAProxy for `/readyz`, in milliseconds. */
export const askedEveryMs = 500;

interface Kind {
  readonly program: string;
  readonly version: string;
  readonly file: string;
  readonly config: (port: number, services: readonly string[], dir: string) => string;
  readonly args: (file: string, dir: string) => readonly string[];
}

const haproxy: Kind = {
  program: 'haproxy',
  version: '-v',
  file: 'haproxy.cfg',
  // Asks each service whether it is ready, as an orchestrator does, and believes the third no: one
  // may be a busy machine's.
  config: (port, services) => `
global
  maxconn 1000
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout check 5s
  option redispatch
  retries 3
frontend shop
  bind 127.0.0.1:${port}
  default_backend reprise
backend reprise
  option httpchk GET /readyz
  http-check expect status 200
  default-server check inter ${askedEveryMs}ms fall 3 rise 1
${services.map((address, n) => `  server s${n} ${address}`).join('\n')}
`,
  args: (file) => ['-db', '-f', file],
};

const nginx: Kind = {
  program: 'nginx',
  version: '-v',
  file: 'nginx.conf',
  // It asks nobody, and finds out by the requests themselves. Every call may be sent twice, so all
  // go on to another.
  config: (port, services, dir) => `
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events { worker_connections 1000; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${dir}/${kind};`).join(' ')}
  upstream reprise {
    ${services.map((address) => `server ${address} max_fails=1 fail_timeout=1s;`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://reprise;
      proxy_set_header Host $host;
      proxy_connect_timeout 2s;
      proxy_next_upstream error timeout non_idempotent;
    }
  }
}
`,
  args: (file, dir) => ['-p', dir, '-c', file],
};

const kinds = { haproxy, nginx } as const;

/** @returns undefined when there is no such program: skip */
export async function startBalancer(
  kind: keyof typeof kinds,
  urls: readonly string[],
): Promise<Balancer | undefined> {
  const { program, version, file, config, args } = kinds[kind];
  if (spawnSync(program, [version]).error !== undefined) return undefined;
  const dir = await mkdtemp(path.join(tmpdir(), `reprise-${kind}-`));
  const [port = 0] = await freePorts(1);
  const services = urls.map((url) => new URL(url).host);
  await writeFile(path.join(dir, file), config(port, services, dir));
  const child = spawn(program, args(path.join(dir, file), dir), { stdio: 'ignore' });
  const balancer = {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      await end(child);
      await rm(dir, { recursive: true, force: true });
    },
  };
  try {
    await eventually(`${kind} passes requests on`, async () => {
      if (hasEnded(child)) return true;
      const { status } = await fetch(`${balancer.url}/livez`);
      return status === 200;
    });
    if (hasEnded(child)) throw new Error(`${kind} ended with ${child.exitCode}`);
    return balancer;
  } catch (error) {
    await balancer.stop();
    throw error;
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
  if (!hasEnded(child) && child.kill('SIGTERM')) await once(child, 'exit');
}
