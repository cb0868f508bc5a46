import { decode, type RecordedEvent, UnreadableEvent } from './codec.ts';
import { restoredStream } from './streams.ts';

/** The facts that a restored log contains about its restore. */
export interface RestoredLog {
  /**
   * Identifies this log. Every other log, including the log that was backed up, has another epoch.
   */
  readonly epoch: string;
  /** Or the image. */
  readonly archive: string;
  /** That the backup has. */
  readonly events: number;
  readonly lastEventId: string;
  readonly lastCreatedAt: string;
  /** The whole backup is in the log. */
  readonly isFinished: boolean;
  /** An operator has seen the facts that are in the old tables but not in the log. */
  readonly isReconciled: boolean;
  /** Buyers and processes may continue. */
  readonly isOpen: boolean;
  /** The revision of the last of these events. */
  readonly revision: bigint;
}

/**
 * The state of the restore after one more event. Events of other streams, and unreadable events,
 * change nothing.
 * @param before undefined for a log that was never restored
 */
export function afterEvent(
  before: RestoredLog | undefined,
  recorded: RecordedEvent,
): RestoredLog | undefined {
  if (recorded.stream !== restoredStream) return before;
  const { revision } = recorded;
  try {
    const { type, data } = decode(recorded);
    if (type === 'LogRestored' && before === undefined) {
      const { at: _, ...told } = data;
      return { ...told, isFinished: false, isReconciled: false, isOpen: false, revision };
    }
    if (type === 'ImageRestored') {
      const { at: _, image, ...told } = data;
      const isRestored = { isFinished: true, isReconciled: false, isOpen: false };
      return { ...told, archive: image, ...isRestored, revision };
    }
    if (before === undefined || !('epoch' in data) || data.epoch !== before.epoch) return before;
    if (type === 'LogRestoreFinished') return { ...before, isFinished: true, revision };
    if (type === 'LogReconciled') return { ...before, isReconciled: true, revision };
    if (type === 'SaleOpened') return { ...before, isOpen: before.isFinished, revision };
  } catch (error) {
    if (!(error instanceof UnreadableEvent)) throw error;
  }
  return before;
}

/** The part of the log's port that is needed here. */
interface Streams {
  readStream(stream: string): AsyncIterable<RecordedEvent>;
}

/**
 * @returns undefined for a log that was never restored
 * @throws the errors of the log's port
 */
export async function readRestored(log: Streams): Promise<RestoredLog | undefined> {
  let restored: RestoredLog | undefined;
  for await (const event of log.readStream(restoredStream)) restored = afterEvent(restored, event);
  return restored;
}
