import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';

/**
 * One database may have the tables of several services, each in its own schema. Some things exist
 * only once per database: the keys of advisory locks, and the schemas beside the live one. They get
 * the schema's name. In `public` they have the names that older versions gave them.
 */

const usual = 'public';

/** Bytes of a name in PostgreSQL; a longer one is cut. */
const nameBytesMax = 63;

/** The name of a schema that belongs to the live one. */
export function besides(live: string, name: string): string {
  if (live === usual) return name;
  const full = `${name}_${live}`;
  if (Buffer.byteLength(full) <= nameBytesMax) return full;
  return `${name}_${createHash('sha256').update(live).digest('hex').slice(0, 16)}`;
}

/** Where new tables are filled. */
export const buildSchema = (live: string): string => besides(live, 'reprise_rebuild');

/** Where the tables are that a rebuild replaced. */
export const oldSchema = (live: string): string => besides(live, 'reprise_old');

/** The schema that has the tables. @throws Error that says what to do when the role has none */
export async function liveSchema(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ live: string | null; role: string }>(
    'SELECT current_schema() AS live, current_user AS role',
  );
  const [found] = rows;
  if (found?.live) return found.live;
  throw new Error(
    `the role ${found?.role} has no schema to use: create one that its search_path names, or name another there`,
  );
}
