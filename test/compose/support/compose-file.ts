import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A service of docker-compose.yml, as far as its lines can be run without Docker. */
export interface ComposeService {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly healthcheck?: {
    readonly test?: readonly string[];
    readonly interval?: string;
    readonly start_period?: string;
    readonly retries?: number;
    readonly disable?: boolean;
  };
}

/**
 * Reads docker-compose.yml and fills in its variables as Compose does.
 * @param given the variables of the shell
 */
export function readCompose(
  given: Readonly<Record<string, string>> = {},
): Readonly<Record<string, ComposeService>> {
  const text = readFileSync('docker-compose.yml', 'utf8').replaceAll(
    /\$\{(\w+)(?::-([^}]*))?\}/g,
    (_, name: string, usual = '') => given[name] || usual,
  );
  return parse(text).services;
}

/** The time until Docker calls a service unhealthy that never was healthy, in milliseconds. */
export function startMsOf({ healthcheck }: ComposeService): number {
  const seconds = (text = '0s') => Number(/^(\d+)s$/.exec(text)?.[1]);
  const { start_period: start, interval, retries = 0 } = healthcheck ?? {};
  return (seconds(start) + retries * seconds(interval)) * 1_000;
}
