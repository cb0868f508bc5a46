import { alarmSettings } from '../alarm/alarm-options.ts';
import { settings } from '../config/settings.ts';

const own: ReadonlySet<string> = new Set([...Object.keys(settings), ...Object.keys(alarmSettings)]);

/**
 * The executable of an EventStoreDB server, from version 24.6 on; undefined where EVENTSTORE_BIN is
 * not set. Drills and tests start nodes of it.
 */
export const eventStoreBin: string | undefined = process.env.EVENTSTORE_BIN || undefined;

/**
 * This environment without the settings of a service or an alarm, which the test run may have,
 * other than those that are given.
 */
export function serviceEnvironment(
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !own.has(entry[0]),
  );
  return { ...Object.fromEntries(kept), ...given };
}
