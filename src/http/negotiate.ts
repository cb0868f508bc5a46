import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { PreparedBody } from '../queries/read-side.ts';
import type { NotModifiedAnswer, PreparedAnswer, RepresentationAnswer } from './answer.ts';
import { gzipChunks } from './gzip-chunks.ts';
import { httpLimits } from './limits.ts';

const compress = promisify(gzip);

/**
 * Each prepared body is compressed once, at the first request for it. The result is dropped
 * together with the body.
 */
const compressed = new WeakMap<PreparedBody, Promise<readonly Buffer[]>>();

/**
 * Chooses the form of a prepared body: 304 for a client that has it, compressed for a client that
 * accepts gzip when that saves enough, else plain.
 */
export async function negotiate(
  { prepared, isOnce }: Pick<PreparedAnswer, 'prepared' | 'isOnce'>,
  headers: IncomingHttpHeaders,
  epoch = '',
): Promise<RepresentationAnswer | NotModifiedAnswer> {
  const isCompressed = isSentCompressed(prepared, headers['accept-encoding']);
  const etag = etagOf(prepared, isCompressed, epoch);
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag))
    return { kind: 'not-modified', etag };
  const parts = isCompressed ? await gzipped(prepared) : (prepared.chunks ?? [prepared.body]);
  return { kind: 'representation', parts, etag, isCompressed, isOnce };
}

/** The ETag of the body in the form that this Accept-Encoding gets. */
export const etagFor = (
  prepared: PreparedBody,
  acceptEncoding: string | undefined,
  epoch = '',
): string => etagOf(prepared, isSentCompressed(prepared, acceptEncoding), epoch);

const isSentCompressed = (prepared: PreparedBody, acceptEncoding: string | undefined): boolean =>
  isWorthIt(prepared) && takesGzip(acceptEncoding);

/**
 * A strong ETag names bytes, so each coding has its own ETag. Each log has its own, too, because
 * one position means different events in different logs.
 */
function etagOf({ etag }: PreparedBody, isCompressed: boolean, epoch: string): string {
  if (!isCompressed && epoch === '') return etag;
  const log = epoch === '' ? '' : `-${epoch}`;
  return `${etag.slice(0, -1)}${log}${isCompressed ? '-gzip' : ''}"`;
}

/**
 * Makes the compressed form in advance, so later answers to clients that accept gzip cost no
 * compression.
 */
export async function compressAhead(prepared: PreparedBody): Promise<void> {
  if (isWorthIt(prepared)) await gzipped(prepared);
}

/** A body with several stretches is always large, so its length is not computed. */
const isWorthIt = (prepared: PreparedBody): boolean =>
  (prepared.chunks?.length ?? 0) > 1 || prepared.body.length >= httpLimits.compressedBytesMin;

function gzipped(prepared: PreparedBody): Promise<readonly Buffer[]> {
  let made = compressed.get(prepared);
  if (made === undefined) {
    const level = httpLimits.compressionLevel;
    made =
      prepared.chunks === undefined
        ? compress(prepared.body, { level }).then((body) => [body])
        : gzipChunks(prepared.chunks, level);
    compressed.set(prepared, made);
  }
  return made;
}

/**
 * Accept-Encoding (RFC 9110, 12.5.3): does the client accept gzip, and prefer it at least as much
 * as no coding?
 */
export function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  if (acceptEncoding === undefined) return false;
  const weights = new Map<string, number>();
  for (const item of String(acceptEncoding).toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
    weights.set(coding === 'x-gzip' ? 'gzip' : coding, Number(weight));
  }
  const gzipWeight = weights.get('gzip') ?? weights.get('*') ?? 0;
  return gzipWeight > 0 && gzipWeight >= (weights.get('identity') ?? 0);
}

/** If-None-Match (RFC 9110, 13.1.2): `*`, or a list in which weak tags count like strong ones. */
function matches(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag || ifNoneMatch === '*') return true;
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
