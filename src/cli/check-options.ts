import { type Command, InvalidArgumentError } from 'commander';

/** Which service is checked. As the command line has them. */
export interface ServiceFlags {
  readonly url?: string;
  readonly admin?: string;
}

/** Of a command that ends with `reprise check`. */
export interface EndFlags extends ServiceFlags {
  /** `--no-check` makes it false. */
  readonly check?: boolean;
}

export const withCheck = (command: Command): Command =>
  command
    .option('--url <url>', 'the API to check; default: the service on DATA_DIR', serviceUrl)
    .option('--admin <url>', 'its admin listener', serviceUrl)
    .option('--no-check', 'do not run reprise check at the end');

/** About these options, for the help of a command. */
export const endsWithCheck = `At the end, the command runs reprise check on the service of DATA_DIR, or on the service of --url and --admin. Its exit code
is then that of the check. If no service runs, the command says so.`;

/** An option's address of a service. */
export function serviceUrl(text: string): string {
  if (/^https?:\/\/[^/]+\/?$/.test(text) && URL.canParse(text)) return text.replace(/\/$/, '');
  throw new InvalidArgumentError('Give a URL without a path, like http://127.0.0.1:3000.');
}

/** The one line of a command after which no service can be checked yet. */
export const checkLater = (why: string, next: string): string =>
  `reprise check did not run, because ${why}. Next: ${next}`;
