import type { IncomingMessage } from 'node:http';
import type { AllowsHost } from './allowed-hosts.ts';
import { type ProblemAnswer, problem } from './answer.ts';

/**
 * Refuses requests that Node accepts, but that break HTTP/1.1 or the rules of this service. If it
 * is unclear where a request ends or for which host it is, a proxy before the service may read it
 * differently. So such a request is refused before anything else reads it, and its connection ends
 * with the answer.
 * @returns undefined when the request is accepted
 */
export function refuseAtTheDoor(
  { httpVersion, headers, rawHeaders }: IncomingMessage,
  allowsHost: AllowsHost,
): ProblemAnswer | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return malformed(`This is HTTP/1.1: HTTP/${httpVersion} is not spoken here.`);
  }
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion === '1.0')) {
    return malformed('Transfer-Encoding may be chunked, in HTTP/1.1, and nothing else.');
  }
  const { host } = headers;
  if (host === undefined) {
    return httpVersion === '1.1' ? malformed('A Host header is required.') : undefined;
  }
  if (hostLines(rawHeaders) > 1) return malformed('A request may have only one Host header.');
  if (allowsHost(host)) return undefined;
  const detail =
    'The service does not serve this Host. To allow it, add its name to the setting ALLOWED_HOSTS.';
  return problem('host-not-allowed', { detail });
}

const malformed = (detail: string): ProblemAnswer => problem('malformed-http', { detail });

/** Counts in the raw headers, because `headers` has only the first of two equal names. */
function hostLines(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}
