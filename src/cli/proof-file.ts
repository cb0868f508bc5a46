import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type LogPlace, nameOfLog } from '../metrics/command-notes.ts';
import { replaceDurably } from '../support/durable-files.ts';
import { type ProofMark, proofMark } from '../verify/proof-mark.ts';

/** The position up to which a log is proven: `DATA_DIR/status/proof.json`. */
const pathOf = ({ dataDir }: LogPlace): string => join(dataDir, 'status', 'proof.json');

const kept = proofMark.extend({ log: proofMark.shape.eventId });

/** An unreadable mark, or a mark of another log, counts as missing. */
export async function readMark(place: LogPlace): Promise<ProofMark | undefined> {
  try {
    const { log, ...mark } = kept.parse(JSON.parse(await readFile(pathOf(place), 'utf8')));
    return log === nameOfLog(place) ? mark : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Stores the end of a proof, and replaces the earlier one. Without DATA_DIR, it writes nothing.
 * @param mark undefined: there were violations, so the next proof is a whole one
 * @throws the system's error when it cannot be written
 */
export async function keepMark(place: LogPlace, mark: ProofMark | undefined): Promise<void> {
  const path = pathOf(place);
  if (mark === undefined) return rm(path, { force: true });
  const isThere = await access(place.dataDir).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  await mkdir(join(place.dataDir, 'status'), { recursive: true });
  await replaceDurably(path, `${JSON.stringify({ log: nameOfLog(place), ...mark })}\n`);
}
