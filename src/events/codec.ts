import type { z } from 'zod';
import { type DomainEvent, type EventType, eventSchemas } from './events.ts';
import { olderVersions, versionOf } from './upcasters.ts';

/** An event in the log, before its data is checked. */
export interface RecordedEvent {
  readonly id: string;
  readonly stream: string;
  /** From 0, without gaps in its stream. */
  readonly revision: bigint;
  /** Commit position in the log (equal to prepare): grows, with gaps. */
  readonly position: bigint;
  readonly type: string;
  /**
   * The time of the event in the log, in milliseconds since the epoch. For a restored event, its
   * time in the first log.
   */
  readonly createdMs: number;
  readonly data: unknown;
  readonly metadata: unknown;
}

/** A recorded event that this version of the service can read. */
export type StoredEvent = RecordedEvent & DomainEvent;

/** Why an event cannot be read: an unknown type or version, or data that its schema refuses. */
export class UnreadableEvent extends Error {
  readonly event: RecordedEvent;

  constructor(event: RecordedEvent, why: string) {
    super(`event ${event.revision}@${event.stream} (${event.type}): ${why}`);
    this.name = 'UnreadableEvent';
    this.event = event;
  }
}

type Schemas = Readonly<Record<string, z.ZodType>>;
type OlderVersions = Readonly<Record<string, readonly z.ZodType[] | undefined>>;

/**
 * Makes the function that reads recorded events. Data of an older version passes the schema of its
 * version and of each later version, up to the newest.
 * @param newest the schema of each type's newest version
 * @param older the older versions, in the form of `upcasters.ts`
 */
export function createDecoder(
  newest: Schemas,
  older: OlderVersions,
): (recorded: RecordedEvent) => RecordedEvent {
  const versionsOf = new Map(
    Object.entries(newest).map(([type, schema]) => [type, [...(older[type] ?? []), schema]]),
  );
  return (recorded) => {
    const versions = versionsOf.get(recorded.type);
    if (versions === undefined) throw new UnreadableEvent(recorded, 'unknown type');
    const version = versionIn(recorded.metadata);
    if (version === undefined) {
      throw new UnreadableEvent(recorded, 'its metadata has no schemaVersion');
    }
    if (version > versions.length) {
      const why = `stored version ${version} is newer than ${versions.length}: upgrade first`;
      throw new UnreadableEvent(recorded, why);
    }
    let { data } = recorded;
    for (const schema of version === 1 ? versions : versions.slice(version - 1)) {
      const parsed = schema.safeParse(data);
      if (!parsed.success) throw new UnreadableEvent(recorded, firstIssue(parsed.error));
      data = parsed.data;
    }
    return { ...recorded, data };
  };
}

const decodeAny = createDecoder(eventSchemas, olderVersions);

/**
 * Reads a recorded event.
 * @throws UnreadableEvent if the version is newer than this code, the type is unknown or the data
 * is malformed
 */
export const decode = decodeAny as (recorded: RecordedEvent) => StoredEvent;

/**
 * The same, typed as an event of one kind of stream. This does not check that the event belongs on
 * its stream: `readable` in the core of the commands does.
 */
export const decodeAs = decodeAny as <Event extends DomainEvent>(
  recorded: RecordedEvent,
) => RecordedEvent & Event;

/** Can this version of the service read the event, unless its data is malformed? */
export function isOfKnownVersion({ type, metadata }: RecordedEvent): boolean {
  const version = versionIn(metadata);
  if (version === undefined || !Object.hasOwn(eventSchemas, type)) return false;
  return version <= versionOf(type as EventType);
}

/**
 * Did this service, in any version, write the event? Each of our events has a version. An unknown
 * type with a command id is an event of a newer version, because other programs write no command
 * ids.
 */
export function isOfThisShop({
  type,
  metadata,
}: Pick<RecordedEvent, 'type' | 'metadata'>): boolean {
  if (versionIn(metadata) === undefined) return false;
  const { commandId } = metadata as { readonly commandId?: unknown };
  return Object.hasOwn(eventSchemas, type) || typeof commandId === 'string';
}

/** The original time of a restored event. The log's own time is the time of the restore. */
export function recordedMs(metadata: unknown): number | undefined {
  const { recordedAt } = (metadata ?? {}) as { readonly recordedAt?: unknown };
  if (typeof recordedAt !== 'string') return undefined;
  const ms = Date.parse(recordedAt);
  return Number.isNaN(ms) ? undefined : ms;
}

function versionIn(metadata: unknown): number | undefined {
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const { schemaVersion } = metadata as { readonly schemaVersion?: unknown };
  return Number.isSafeInteger(schemaVersion) && (schemaVersion as number) >= 1
    ? (schemaVersion as number)
    : undefined;
}

function firstIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  const path = issue?.path.join('.') ?? '';
  return `${path === '' ? 'data' : path}: ${issue?.message ?? 'malformed'}`;
}
