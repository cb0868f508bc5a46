import type { PreparedBody } from './read-side.ts';

/** Raised when the shape of a body changes, so that clients do not keep the old one. */
const bodyFormat = 1;

/**
 * Which rows a body shows: of the tables' generation (`projection_checkpoint`, summed), raised when rows were written out of
 * the log's order, and up to this log position, so instances agree on it.
 */
export const versionOf = (generation: bigint, position: bigint | string): string =>
  `${generation}.${position}`;

/** A body with its ETag. `part` tells bodies of one version apart. */
export const prepared = (body: Buffer, version: string, part = ''): PreparedBody => ({
  body,
  etag: `"${bodyFormat}-${version}${part}"`,
});

/** The same of stretches that never change; they are joined when the body is asked for as one. */
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
