import {
  type EventStore,
  EventStoreUnavailable,
  LogDiffers,
} from '../commands/core/event-store.ts';
import type { Reading } from './compose.ts';

/** If the read models are ready within this time, nothing is printed. In milliseconds. */
const shortCatchUpMs = 5_000;

/**
 * Waits for a short time until all current events of the log are shown.
 * @returns the position to reach, if it takes longer; otherwise null
 */
export async function showWhatIsThere(
  store: Pick<EventStore, 'head'>,
  { reads, logEnd }: Pick<Reading, 'reads' | 'logEnd'>,
): Promise<bigint | null> {
  const end = await endToShow(store, logEnd);
  // The tables never reach a position of another log, also if they notice that only now.
  const isOther = () => reads.status().state === 'other-log';
  if (end === null || isOther() || (await reads.reached(end, shortCatchUpMs))) return null;
  return isOther() ? null : end;
}

/**
 * The position at which the read side shows all current events of the log, or the whole log's end
 * if the search takes too long. Null if there is nothing to show, or if the tables belong to
 * another log.
 */
async function endToShow(
  store: Pick<EventStore, 'head'>,
  logEnd: () => Promise<bigint | null>,
): Promise<bigint | null> {
  try {
    return await logEnd();
  } catch (error) {
    if (error instanceof LogDiffers) return null;
    if (error instanceof EventStoreUnavailable) return store.head();
    throw error;
  }
}
