import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { eventStoreBin } from '../../src/drill/environment.ts';
import { eventually } from '../support/eventually.ts';
import { isInstalled, postgresPrograms } from '../support/programs.ts';
import { readCompose, startMsOf } from './support/compose-file.ts';
import { instructionsOf } from './support/dockerfile.ts';
import { OwnNetwork, whyNoOwnNetwork } from './support/own-network.ts';

/** The longest wait for what the alarm and Prometheus see, in milliseconds. */
const seenMs = 60_000;

const compose = readCompose();
const image = instructionsOf(readFileSync('Dockerfile', 'utf8'));
const lineOf = (name: string) => image.findLast((one) => one.name === name)?.rest ?? '';
/** The last ENV of the image: of the service. */
const imageEnv = Object.fromEntries(
  [...lineOf('ENV').matchAll(/(\w+)=(\S+)/g)].map(([, key = '', value = '']) => [key, value]),
);

/** As `reprise alarm --once --json` prints it. */
interface Rule {
  readonly labels: { readonly alertname: string };
  readonly state: string;
}

/** What is missing on this machine to run the services; undefined if nothing is. */
function whyNot(): string | undefined {
  const missing = ['redis-server', 'redis-cli', 'prometheus', 'curl'].filter(
    (name) => !isInstalled(name),
  );
  if (postgresPrograms() === undefined) missing.push('postgresql');
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : whyNoOwnNetwork();
}

describe('the services of docker-compose.yml, by hand in a network of their own', function () {
  this.timeout(300_000);
  let folder: string;
  let network: OwnNetwork;

  before(async function () {
    const why = whyNot();
    if (why !== undefined) {
      console.error(`    skipped: ${why}`);
      return this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), 'reprise-compose-'));
    await chmod(folder, 0o755);
    const mounts = Object.values(compose)
      .flatMap(({ volumes = [] }) => volumes)
      .map((volume) => volume.split(':'))
      .filter(([from = '']) => from.startsWith('./ops/prometheus'))
      .map(([from = '', to = '']) => [to, join(process.cwd(), from)] as const);
    network = await OwnNetwork.open(folder, Object.keys(compose), new Map(mounts));
  });
  after(async () => {
    await network?.close();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  /** The directory that stands for a volume. */
  const volume = (name: string): string => join(folder, name);
  async function dataOf(name: string): Promise<string> {
    await mkdir(volume(name));
    return volume(name);
  }
  const health = async (name: string) => {
    const [kind, ...command] = compose[name]?.healthcheck?.test ?? [];
    expect(kind).to.equal('CMD');
    const postgres = dirname(postgresPrograms()?.postgres ?? '');
    const PATH = `${process.env.PATH}:${postgres}`;
    return (await network.run(command, { env: { PATH } })).code;
  };
  /** Its check fails before it runs, and succeeds before Docker would call it unhealthy. */
  async function becomesHealthy(name: string, start: () => Promise<void>): Promise<void> {
    expect(await health(name), `${name} before its start`).to.be.above(0);
    await start();
    const isHealthy = async () => (await health(name)) === 0;
    await eventually(`${name} is healthy`, isHealthy, startMsOf(compose[name] ?? {}), 200);
  }
  const node = (command: readonly string[]) => [process.execPath, ...command.slice(1)];
  /** The environment of a container of the image. */
  function envOf(name: string): Record<string, string> & { DATA_DIR: string } {
    const mounted = (compose[name]?.volumes ?? []).map((one) => one.split(':'));
    const [of = ''] = mounted.find(([, to]) => to === imageEnv.DATA_DIR) ?? [];
    expect(of, `${name} has a volume`).not.to.equal('');
    return { ...imageEnv, ...compose[name]?.environment, DATA_DIR: volume(of) };
  }

  it('redis is healthy, with the memory and the policy of its command', async () => {
    const { command = [] } = compose.redis ?? {};
    const cwd = await dataOf('redis');
    await becomesHealthy('redis', async () => void network.start(command, { cwd }));
    const { said } = await network.run(['redis-cli', 'config', 'get', 'maxmemory*']);
    expect(said).to.match(/maxmemory-policy\s+noeviction/);
    expect(said).to.match(/maxmemory\s+671088640/);
  });

  it('postgres is healthy, with its user and its database', async () => {
    const { environment = {} } = compose.postgres ?? {};
    const { POSTGRES_USER: user = '', POSTGRES_DB: database = '' } = environment;
    const programs = postgresPrograms() ?? { initdb: '', postgres: '' };
    // What the image does with its environment at its first start.
    const cwd = await dataOf('postgres');
    const uid = 65_534;
    const password = join(cwd, 'password');
    await writeFile(password, environment.POSTGRES_PASSWORD ?? '');
    for (const one of [cwd, password]) await chown(one, uid, uid);
    const data = join(cwd, 'data');
    const as = { cwd, uid, env: { LC_ALL: 'C' } };
    const made = await network.run(
      [
        ...[programs.initdb, `--pgdata=${data}`, `--username=${user}`, `--pwfile=${password}`],
        ...['--auth=scram-sha-256', '--no-sync'],
      ],
      as,
    );
    expect(made.code, made.said).to.equal(0);
    const server = ['-c', 'listen_addresses=*', '-c', 'unix_socket_directories='];
    await becomesHealthy('postgres', async () => {
      network.start([programs.postgres, '-D', data, ...server], as);
    });
    const createdb = join(dirname(programs.postgres), 'createdb');
    const PGPASSWORD = environment.POSTGRES_PASSWORD ?? '';
    const created = await network.run(
      [createdb, '--host=127.0.0.1', `--username=${user}`, `--maintenance-db=postgres`, database],
      { env: { PGPASSWORD } },
    );
    // Where user and database have the same name, the image makes only one of them.
    expect(created.code, created.said).to.equal(0);
  });

  it('eventstore is healthy, where there is a server; else the embedded one stands for it', async () => {
    const data = await dataOf('eventstore');
    if (eventStoreBin === undefined) {
      const main = ['--import', 'tsx', 'embedded/eventstore/main.ts', '--data', data];
      network.start([process.execPath, ...main], { cwd: process.cwd() });
      const asked = ['curl', '--silent', '--http2-prior-knowledge', 'http://eventstore:2113'];
      const isUp = async () => (await network.run(asked)).code !== 7;
      await eventually('the embedded one is up', isUp);
      return;
    }
    const bin = eventStoreBin;
    const { environment = {} } = compose.eventstore ?? {};
    const env = { ...environment, EVENTSTORE_DB: join(data, 'db'), EVENTSTORE_LOG: data };
    await becomesHealthy('eventstore', async () => {
      network.start([bin], { cwd: dirname(bin), env });
    });
  });

  it('reprise finds all three by their names, and is healthy', async () => {
    await dataOf('reprise');
    const { depends_on: needs = {} } = compose.reprise ?? {};
    expect(Object.keys(needs)).to.have.members(['eventstore', 'postgres', 'redis']);
    const command = node(JSON.parse(lineOf('CMD')));
    network.start(command, { cwd: process.cwd(), env: envOf('reprise') });
    const check = node(JSON.parse(lineOf('HEALTHCHECK').replace(/^.* CMD /, '')));
    const isHealthy = async () => (await network.run(check, { env: imageEnv })).code === 0;
    await eventually('it is healthy', isHealthy, seenMs, 200);
  });

  it('a buyer can buy there: the recovery check passes, as docker compose exec would run it', async () => {
    const command = [process.execPath, 'bin/reprise.js', 'check'];
    const { code, said } = await network.run(command, {
      cwd: process.cwd(),
      env: envOf('reprise'),
    });
    expect(code, said).to.equal(0);
  });

  it('alarm watches it, and writes where the commands of the service read', async () => {
    const { command = [], healthcheck, environment } = compose.alarm ?? {};
    expect(healthcheck).to.deep.equal({ disable: true });
    const around = { cwd: process.cwd(), env: envOf('alarm') };
    network.start(node(command), around);
    const journal = join(envOf('reprise').DATA_DIR, 'alarm', 'alarm.jsonl');
    const started = async () => existsSync(journal) && (await readFile(journal, 'utf8'));
    const line = await eventually('it watches', started, seenMs);
    expect(line).to.include(`"targets":["${environment?.ALARM_URLS}"]`);
    const once = await network.run([...node(command), '--once', '--json'], around);
    const { rules }: { rules: Rule[] } = JSON.parse(once.said);
    const stateOf = (name: string) =>
      rules.filter(({ labels }) => labels.alertname === name).map(({ state }) => state);
    // The first needs the API, the other one the admin listener.
    expect(stateOf('RepriseDown')).to.deep.equal(['false']);
    expect(stateOf('MetricsMissing')).to.deep.equal(['false']);
  });

  it('prometheus scrapes it, at the address that Grafana asks', async () => {
    const data = await dataOf('prometheus');
    // The command of the image.
    const paths = ['--config.file=/etc/prometheus/prometheus.yml', `--storage.tsdb.path=${data}`];
    network.start(['prometheus', ...paths], { cwd: data });
    const file = 'ops/grafana/provisioning/datasources/prometheus.yml';
    const [{ url }] = parse(await readFile(file, 'utf8')).datasources;
    const query = `${url}/api/v1/query?query=reprise_ready`;
    const isSeen = async () => {
      const { said } = await network.run(['curl', '--silent', '--fail', query]);
      return /"instance":"reprise:3001".*"1"\]/.test(said);
    };
    await eventually('Prometheus has it', isSeen, seenMs, 200);
  });
});
