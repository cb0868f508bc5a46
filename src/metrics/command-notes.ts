import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * Notes of commands in `DATA_DIR/status/`, about the progress of the backup and the result of the
 * last proof. The service of the same DATA_DIR exports them. A note belongs to one log. A service
 * with another log does not read it.
 */

const backupNote = z.object({
  log: z.string(),
  /** The last time at which the archive had all events of the log, as far as is known. */
  at: z.iso.datetime(),
  /** `follow` runs all the time, `create` now and then. */
  mode: z.enum(['follow', 'create']),
  archive: z.string(),
  /** Of the last event in the archive; null: it has none. */
  position: z.string().nullable(),
});
export type BackupNote = z.infer<typeof backupNote>;

const verifyNote = z.object({
  log: z.string(),
  at: z.iso.datetime(),
  violations: z.int().nonnegative(),
});
export type VerifyNote = z.infer<typeof verifyNote>;

/** The notes about the log of a service. */
export interface CommandNotes {
  readonly backup: BackupNote | undefined;
  readonly verify: VerifyNote | undefined;
}

/** The log that a command or a service uses. */
export interface LogPlace {
  readonly dataDir: string;
  readonly eventStoreUrl: string | undefined;
}

/** A name for the log: a hash of its setting, because the setting may contain a password. */
export const nameOfLog = ({ eventStoreUrl }: LogPlace): string =>
  eventStoreUrl === undefined
    ? 'embedded'
    : createHash('sha256').update(eventStoreUrl).digest('hex').slice(0, 32);

const pathOf = (dataDir: string, name: keyof CommandNotes): string =>
  join(dataDir, 'status', `${name}.json`);

/**
 * Writes a note, which replaces the earlier one. Writes nothing if there is no DATA_DIR.
 * @throws the system's error when it cannot be written
 */
export async function leaveNote(
  place: LogPlace,
  note: { readonly backup: Omit<BackupNote, 'log'> } | { readonly verify: Omit<VerifyNote, 'log'> },
): Promise<void> {
  const isThere = await access(place.dataDir).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  const [name, told] = Object.entries(note)[0] as [keyof CommandNotes, object];
  const path = pathOf(place.dataDir, name);
  await mkdir(join(place.dataDir, 'status'), { recursive: true });
  // Two commands may end at the same moment.
  const own = `${path}.${process.pid}`;
  await writeFile(own, `${JSON.stringify({ log: nameOfLog(place), ...told })}\n`);
  await rename(own, path);
}

/** The notes about the log of this place. An unreadable note counts as missing. */
export async function readNotes(place: LogPlace): Promise<CommandNotes> {
  const log = nameOfLog(place);
  const read = async <N extends { log: string }>(
    name: keyof CommandNotes,
    schema: z.ZodType<N>,
  ): Promise<N | undefined> => {
    try {
      const note = schema.parse(JSON.parse(await readFile(pathOf(place.dataDir, name), 'utf8')));
      return note.log === log ? note : undefined;
    } catch {
      return undefined;
    }
  };
  const [backup, verify] = await Promise.all([
    read('backup', backupNote),
    read('verify', verifyNote),
  ]);
  return { backup, verify };
}
