import { maxRevision } from '../codec/wire.ts';

/** The parts of a stream's metadata that limit reads. Other parts are kept and not used. */
export interface StreamMetadata {
  readonly maxCount?: number;
  readonly maxAgeSeconds?: number;
  /** Events below this revision are hidden. */
  readonly truncateBefore?: number;
  /** Soft-deleted: all events are hidden, and the stream counts as missing. */
  readonly isDeleted?: true;
}

const none: StreamMetadata = {};
/**
 * The double that represents 2^63 − 1, the `$tb` of a soft delete. A larger number is not a 64-bit
 * number.
 */
const longEnd = 2 ** 63;
const integers = ['$maxCount', '$maxAge', '$tb', '$cacheControl'] as const;
/** A number that is an integer in JavaScript, but not in EventStoreDB. */
const fraction = /"\$(?:maxCount|maxAge|tb|cacheControl)"\s*:\s*-?\d+[.eE]/;
const roleNames: readonly string[] = ['$r', '$w', '$d', '$mr', '$mw'];

/**
 * Reads `$maxCount`, `$maxAge` and `$tb`. As in EventStoreDB, the whole metadata has no effect in
 * two cases: one of these keys has an invalid value, or the metadata is not a JSON object.
 */
export function parseStreamMetadata(data: Buffer | undefined): StreamMetadata {
  if (data === undefined || data.length === 0) return none;
  const text = data.toString('utf8');
  const json = parseObject(text);
  if (json === undefined || fraction.test(text) || !isUnderstood(json)) return none;
  const [maxCount = 0, maxAge = 0, truncateBefore = -1] = integers.map(
    (key) => json[key],
  ) as number[];
  return {
    ...(maxCount > 0 ? { maxCount } : {}),
    ...(maxAge > 0 ? { maxAgeSeconds: maxAge } : {}),
    ...(truncateBefore >= 0 ? { truncateBefore } : {}),
    ...(truncateBefore === longEnd ? { isDeleted: true } : {}),
  };
}

function isUnderstood(json: Record<string, unknown>): boolean {
  const { $tmp, $acl } = json;
  return (
    integers.every((key) => json[key] === undefined || isLong(json[key])) &&
    ($tmp === undefined || typeof $tmp === 'boolean') &&
    ($acl === undefined || isAcl($acl))
  );
}

function isLong(value: unknown): boolean {
  return Number.isInteger(value) && Math.abs(value as number) <= longEnd;
}

function isAcl(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const isName = (name: unknown) => typeof name === 'string';
  return Object.entries(value).every(
    ([key, roles]) =>
      roleNames.includes(key) && (isName(roles) || (Array.isArray(roles) && roles.every(isName))),
  );
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const longMax = '9223372036854775807';

/**
 * The metadata with another `$tb`. All other parts are unchanged. MAX_REVISION is written as 2^63 −
 * 1.
 */
export function withTruncateBefore(data: Buffer | undefined, revision: number): Buffer {
  const { $tb: _, ...rest } = (data && parseObject(data.toString('utf8'))) ?? {};
  // JavaScript cannot write 2^63 − 1 exactly as a JSON number, so the digits are inserted as text.
  const digits = revision === maxRevision ? longMax : String(revision);
  const others = JSON.stringify(rest).slice(1, -1);
  return Buffer.from(`{"$tb":${digits}${others === '' ? '' : `,${others}`}}`);
}

export function isSoftDeleted(metadata: StreamMetadata): boolean {
  return metadata.isDeleted === true;
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
