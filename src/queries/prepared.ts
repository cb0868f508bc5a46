import type { PreparedBody } from './read-side.ts';

/** Raised when the shape of a body changes, so that clients do not keep an old one. */
const bodyFormat = 1;

/**
 * The version of the rows that a body shows: the tables' generation (`projection_checkpoint`,
 * summed), which is raised when rows are written out of the log's order, and the log position.
 * Instances agree on it.
 */
export const versionOf = (generation: bigint, position: bigint | string): string =>
  `${generation}.${position}`;

/** A body with its ETag. `part` distinguishes bodies of one version. */
export const prepared = (body: Buffer, version: string, part = ''): PreparedBody => ({
  body,
  etag: `"${bodyFormat}-${version}${part}"`,
});

/** A body of chunks that never change. They are joined when the body is read as one. */
export function preparedOfChunks(
  chunks: readonly Buffer[],
  version: string,
  part = '',
): PreparedBody {
  let body: Buffer | undefined;
  return {
    chunks,
    get body() {
      body ??= Buffer.concat(chunks);
      return body;
    },
    etag: `"${bodyFormat}-${version}${part}"`,
  };
}
