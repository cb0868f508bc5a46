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

/** The state with which a restarted alarm continues. */
export type AlarmState = z.infer<typeof stateSchema>;

const pathIn = (dataDir: string): string => join(alarmDirectory(dataDir), 'state.json');

/** An unusable file counts as a missing one. Then the alarm may send an alert once too often. */
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
