import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { eventStoreBin } from '../environment.ts';
import { endWithThisProcess } from './end-with-this-process.ts';

/** Longest start of a node, and longest election, on however busy a machine, in milliseconds. */
export const readyMs = 90_000;

/** A node that is slower than this to stop is killed, in milliseconds. */
const stopMs = 20_000;

/** One question to a node: a hung one does not answer at all. */
const askMs = 2_000;

/** Between two questions, in milliseconds. */
const pollMs = 100;

/** How often a node is started on a port that something else has for a moment. */
const startsMax = 3;

/** What `logTail` returns at most unless told, in lines. */
const tailLines = 40;

/** A member of the cluster, as the node that was asked sees it. */
export interface GossipMember {
  readonly port: number;
  /** `Leader`, `Follower`, `Unknown`, … */
  readonly state: string;
  readonly isAlive: boolean;
}

/** One node. It keeps its ports and its data from start to start. */
export interface EventStoreNode {
  /** From 0 on, in the order of the connection string's hosts. */
  readonly index: number;
  readonly port: number;
  /** The connection string for this node alone, which is not looked up by gossip. */
  readonly url: string;
  /** Of the running process. @throws Error when it does not run. */
  readonly pid: number;
  /** True from its start to its end; a paused node runs. */
  readonly running: boolean;
  /**
   * Ends it and waits until it is gone: SIGKILL at once, SIGTERM in good order. A paused one goes
   * on first.
   */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** SIGSTOP: it holds its connections and answers nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /**
   * Starts it on the same ports and data, ending it before if it runs. Resolves when it answers:
   * its role may be open.
   */
  restart(): Promise<void>;
  /** Resolves when the process has ended, in whatever way; at once when it does not run. */
  ended(): Promise<void>;
  /** The members that it knows. @throws Error when it does not answer within 2 s. */
  gossip(): Promise<readonly GossipMember[]>;
  /** The last lines of its output, through all its starts: for the message of what fails. */
  logTail(lines?: number): Promise<string>;
}

export class Node implements EventStoreNode {
  readonly index: number;
  readonly port: number;
  readonly url: string;
  readonly #directory: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;
  /** It was started, and nobody has ended it since. */
  #shouldRun = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(index: number, port: number, directory: string, args: readonly string[]) {
    this.index = index;
    this.port = port;
    this.url = urlOf([port]);
    this.#directory = directory;
    this.#args = args;
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error(`node ${this.index} does not run`);
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Resolves when it answers. @throws Error when it ends before, or does not answer within 90 s */
  async start(): Promise<void> {
    if (eventStoreBin === undefined) throw new Error('set EVENTSTORE_BIN to a server’s executable');
    await mkdir(this.#directory, { recursive: true });
    const output = openSync(this.#output, 'a');
    const child = spawn(eventStoreBin, this.#args, {
      cwd: this.#directory,
      env: cleanEnvironment(),
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    const watch = endWithThisProcess(child.pid, this.#directory);
    this.#process = child;
    this.#shouldRun = true;
    this.#ended = new Promise((resolve) => {
      const over = (): void => {
        watch?.kill('SIGKILL');
        if (this.#process === child) this.#process = undefined;
        resolve();
      };
      child.once('exit', over);
      // There is no such executable.
      child.once('error', over);
    });
    const answers = async () => !this.running || this.gossip();
    await eventually(`node ${this.index} answers`, answers, readyMs, pollMs);
    if (!this.running) throw new Error(`node ${this.index} ended:\n${await this.logTail()}`);
  }

  /** True when it ended by itself. */
  get isMissing(): boolean {
    return this.#shouldRun && !this.running;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#shouldRun = false;
    const child = this.#process;
    if (child === undefined) return;
    child.kill(signal);
    child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await this.#ended;
    clearTimeout(timer);
  }

  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  async restart(): Promise<void> {
    await this.kill('SIGTERM');
    for (let start = 1; ; start++) {
      try {
        return await this.start();
      } catch (error) {
        // Something may have the port for a moment: a client that looks for the node can be given
        // it as its own.
        const taken = /address already in use/i.test(String(error));
        if (!taken || start === startsMax) throw error;
        await delay(1_000);
      }
    }
  }

  ended(): Promise<void> {
    return this.#ended;
  }

  async gossip(): Promise<readonly GossipMember[]> {
    const { members } = await this.#ask<{ members: HttpMember[] }>('/gossip?format=json');
    return members.map(({ httpEndPointPort, state, isAlive }) => ({
      port: httpEndPointPort,
      state,
      isAlive,
    }));
  }

  /**
   * The port of the leader that this node knows; undefined while it knows none or does not answer.
   */
  async leaderPort(): Promise<number | undefined> {
    if (!this.running) return undefined;
    const members = await this.gossip().catch(() => []);
    return members.find(({ state, isAlive }) => isAlive && state === 'Leader')?.port;
  }

  async version(): Promise<string> {
    const told = await this.#ask<{ esVersion?: string; dbVersion?: string }>('/info?format=json');
    return told.esVersion ?? told.dbVersion ?? '';
  }

  async logTail(lines: number = tailLines): Promise<string> {
    const text = await readFile(this.#output, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-lines).join('\n');
  }

  get #output(): string {
    return path.join(this.#directory, 'output.log');
  }

  async #ask<T>(what: string): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${this.port}${what}`, {
      // A connection that is kept would outlive the node and keep mocha from ending.
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(askMs),
    });
    if (!response.ok) throw new Error(`${what}: ${response.status}`);
    return (await response.json()) as T;
  }
}

interface HttpMember {
  readonly httpEndPointPort: number;
  readonly state: string;
  readonly isAlive: boolean;
}

export function urlOf(ports: readonly number[]): string {
  return `esdb://${ports.map((port) => `127.0.0.1:${port}`).join(',')}?tls=false`;
}

/**
 * A server takes each variable with its prefix for an option, and ends at one that it does not
 * know.
 */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = /^(EVENTSTORE|KURRENTDB)_/i;
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  return { ...Object.fromEntries(kept), EVENTSTORE_TELEMETRY_OPTOUT: 'true' };
}
