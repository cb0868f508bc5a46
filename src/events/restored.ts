import { decode, type RecordedEvent, UnreadableEvent } from './codec.ts';
import { restoredStream } from './streams.ts';

/** What a log that was restored from a backup says of itself. */
export interface RestoredLog {
  /** Tells this log from every other, the one that was backed up too. */
  readonly epoch: string;
  /** Or the image. */
  readonly archive: string;
  /** That the backup has. */
  readonly events: number;
  readonly lastEventId: string;
  readonly lastCreatedAt: string;
  /** The whole backup is in the log. */
  readonly isFinished: boolean;
  /** Somebody was shown what the tables of before know and the log does not. */
  readonly isReconciled: boolean;
  /** Buyers and processes may go on. */
  readonly isOpen: boolean;
  /** Of the last event of this kind. */
  readonly revision: bigint;
}

/**
 * What the log is after one more of its events. Events of other streams, and what cannot be read,
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

/** As the log's port has it. */
interface Streams {
  readStream(stream: string): AsyncIterable<RecordedEvent>;
}

/** @returns undefined for a log that was never restored @throws what the log's port throws */
export async function readRestored(log: Streams): Promise<RestoredLog | undefined> {
  let restored: RestoredLog | undefined;
  for await (const event of log.readStream(restoredStream)) restored = afterEvent(restored, event);
  return restored;
}
