import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { alertState } from './alerts.ts';
import { keptHistory } from './counted-totals.ts';
import { alarmDirectory } from './journal.ts';

const stateSchema = z.object({
  format: z.literal(1),
  alerts: z.array(alertState),
  /** By instance. */
  history: z.record(z.string(), keptHistory),
});

/** What an alarm that starts again goes on from. */
export type AlarmState = z.infer<typeof stateSchema>;

const pathIn = (dataDir: string): string => join(alarmDirectory(dataDir), 'state.json');

/**
 * A file that cannot be used is as if there were none: the alarm rings once more than it should.
 */
export async function readState(dataDir: string): Promise<AlarmState> {
  try {
    return stateSchema.parse(JSON.parse(await readFile(pathIn(dataDir), 'utf8')));
  } catch {
    return { format: 1, alerts: [], history: {} };
  }
}

/** @throws the system's error when it cannot be written */
export async function writeState(dataDir: string, state: AlarmState): Promise<void> {
  const path = pathIn(dataDir);
  await mkdir(alarmDirectory(dataDir), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(state));
  await rename(`${path}.new`, path);
}
