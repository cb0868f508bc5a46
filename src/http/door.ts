import type { IncomingMessage } from 'node:http';
import type { AllowsHost } from './allowed-hosts.ts';
import { type ProblemAnswer, problem } from './answer.ts';

/**
 * What Node lets in and HTTP/1.1 does not, or this service does not: whatever is unclear about
 * where a request ends or whom it is for may look otherwise to a proxy in front, so it is refused
 * before anything reads it. Its connection has to end with the answer.
 * @returns undefined for a request that is let in
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
  if (hostLines(rawHeaders) > 1) return malformed('There may be one Host header.');
  if (allowsHost(host)) return undefined;
  const detail =
    'This service does not answer to that Host. If it should, name it in the setting ALLOWED_HOSTS.';
  return problem('host-not-allowed', { detail });
}

const malformed = (detail: string): ProblemAnswer => problem('malformed-http', { detail });

/** Of doubles `headers` has the first alone. */
function hostLines(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}
