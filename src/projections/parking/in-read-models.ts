import type { Pool } from 'pg';
import type { RecordedEvent } from '../../events/codec.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { parkedName, readParked } from './parked-table.ts';

/**
 * Do the read models have an event? Then a version of the service could read it, and its instances decide by it. They
 * do not when they have not come to it, or its stream is parked from it, or from before it, on.
 */
export async function isInReadModels(
  pool: Pool,
  { stream, revision, position }: RecordedEvent,
): Promise<boolean> {
  if (!streamPrefixes.some((prefix) => stream.startsWith(prefix))) return false;
  const { rows } = await pool.query<{ at: bigint | null }>(
    'SELECT min(event_position) AS at FROM projection_checkpoint',
  );
  const at = rows[0]?.at ?? null;
  if (at === null || at < position) return false;
  const name = parkedName(stream);
  const parked = (await readParked(pool)).find((one) => one.stream === name);
  return parked === undefined || parked.revision > revision;
}
