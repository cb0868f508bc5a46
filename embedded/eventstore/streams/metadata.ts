import { MAX_REVISION } from '../codec/wire.ts';

/** What the metadata of a stream says about reading it. Anything else in it is kept and not used. */
export interface StreamMetadata {
  readonly maxCount?: number;
  readonly maxAgeSeconds?: number;
  /** Events below this revision are hidden; MAX_REVISION: the stream is soft-deleted. */
  readonly truncateBefore?: number;
}

const NONE: StreamMetadata = {};

/** Reads `$maxCount`, `$maxAge` and `$tb`; what is no JSON object says nothing. */
export function parseStreamMetadata(data: Buffer | undefined): StreamMetadata {
  if (data === undefined || data.length === 0) return NONE;
  const json = parseObject(data);
  if (json === undefined) return NONE;
  const { $maxCount: maxCount, $maxAge: maxAge, $tb: truncateBefore } = json;
  return {
    ...(isCount(maxCount) && maxCount > 0 ? { maxCount } : {}),
    ...(isCount(maxAge) && maxAge > 0 ? { maxAgeSeconds: maxAge } : {}),
    ...(isCount(truncateBefore) ? { truncateBefore: Math.min(truncateBefore, MAX_REVISION) } : {}),
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function parseObject(data: Buffer): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(data.toString('utf8'));
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const LONG_MAX = '9223372036854775807';

/** The metadata with another `$tb`, everything else as it was. MAX_REVISION is written as 2^63 − 1. */
export function withTruncateBefore(data: Buffer | undefined, revision: number): Buffer {
  const { $tb: _, ...rest } = (data && parseObject(data)) ?? {};
  // JSON numbers in JavaScript do not reach 2^63 − 1, so the digits go in as text.
  const digits = revision === MAX_REVISION ? LONG_MAX : String(revision);
  const others = JSON.stringify(rest).slice(1, -1);
  return Buffer.from(`{"$tb":${digits}${others === '' ? '' : `,${others}`}}`);
}

export function isSoftDeleted(metadata: StreamMetadata): boolean {
  return metadata.truncateBefore === MAX_REVISION;
}

/** The lowest revision of a stream that reads still show. */
export function firstVisibleRevision(last: number, metadata: StreamMetadata): number {
  const byCount = metadata.maxCount === undefined ? 0 : last - metadata.maxCount + 1;
  return Math.max(0, byCount, metadata.truncateBefore ?? 0);
}

/** Whether `$maxAge` hides an event of this time. */
export function isExpired(createdMs: number, metadata: StreamMetadata, nowMs: number): boolean {
  return metadata.maxAgeSeconds !== undefined && createdMs < nowMs - metadata.maxAgeSeconds * 1000;
}

/** The stream that a metastream describes, undefined for any other stream. */
export function describedBy(stream: string): string | undefined {
  return stream.startsWith('$$') ? stream.slice(2) : undefined;
}
