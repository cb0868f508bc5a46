import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** One line of a Dockerfile, its continuations joined. */
export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** Reads the instructions. Comments and empty lines are left out. */
export function instructionsOf(text: string): Instruction[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { name, rest };
    });
}

/** What a stage has become. */
export interface Stage {
  /** `node:24-bookworm-slim`. */
  readonly image: string;
  /** The folder that stands for the root file system. */
  readonly root: string;
  workdir: string;
  user: string;
  readonly env: Record<string, string>;
  command: readonly string[];
  healthcheck: readonly string[];
}

/** Paths of the image that a line may name. The base image brings everything else. */
const ownPaths = /(?<![\w./-])\/(app|data)(?![\w-])/g;

/**
 * Does what `docker build` does with each line, by hand: a folder stands for the root file system
 * of a stage, and this machine's Node and shell for those of the base image.
 * @param owner `uid:gid` that stands for the image's user `node`
 * @throws Error at a line that fails or is not known
 */
export function buildByHand(
  instructions: readonly Instruction[],
  { context, folder, owner }: { context: string; folder: string; owner: string },
): Stage[] {
  const stages: Stage[] = [];
  const names: string[] = [];
  for (const { name, rest } of instructions) {
    if (name === 'FROM') {
      const [image = '', , as = ''] = rest.split(' ');
      const root = join(folder, `stage-${stages.length}`);
      mkdirSync(root);
      names.push(as);
      stages.push({ image, root, workdir: '/', user: '', env: {}, command: [], healthcheck: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${name} before FROM`);
    if (name === 'COPY') {
      const [, from, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(rest) ?? [];
      const source = from === undefined ? context : (stages[names.indexOf(from)]?.root ?? '');
      copy(source, stage, paths.split(' '));
    } else apply(stage, { name, rest }, owner);
  }
  return stages;
}

function copy(source: string, stage: Stage, paths: readonly string[]): void {
  const to = paths.at(-1) ?? '';
  const target = join(stage.root, stage.workdir, to);
  for (const path of paths.slice(0, -1)) {
    const isInto = to.endsWith('/') || to === '.';
    const name = path.split('/').at(-1) ?? '';
    cpSync(join(source, path), isInto ? join(target, name) : target, {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}

function apply(stage: Stage, { name, rest }: Instruction, owner: string): void {
  const here = (text: string) => text.replaceAll(ownPaths, `${stage.root}/$1`);
  if (name === 'WORKDIR') {
    stage.workdir = rest;
    mkdirSync(join(stage.root, rest), { recursive: true });
  } else if (name === 'RUN') {
    const line = here(rest).replaceAll('node:node', owner);
    const options = { cwd: join(stage.root, stage.workdir), env: environment(stage) };
    execFileSync('/bin/sh', ['-c', line], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  } else if (name === 'ENV') {
    for (const [, key = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) {
      stage.env[key] = here(value);
    }
  } else if (name === 'USER') stage.user = rest;
  else if (name === 'CMD') stage.command = JSON.parse(rest);
  else if (name === 'HEALTHCHECK') stage.healthcheck = JSON.parse(rest.replace(/^.* CMD /, ''));
  else if (!['VOLUME', 'EXPOSE'].includes(name)) throw new Error(`${name} is not known here`);
}

/** What a line or the image's command has around it: none of the test run's settings. */
export function environment(stage: Stage): Record<string, string> {
  const { HOME = '/', PATH = '' } = process.env;
  return {
    HOME,
    PATH: [dirname(process.execPath), PATH].join(delimiter),
    // What npm has fetched on this machine already is the same by its hash.
    npm_config_prefer_offline: 'true',
    npm_config_update_notifier: 'false',
    ...stage.env,
  };
}
