import type { PreparedBody } from './read-side.ts';

/** Raised when the shape of a body changes, so that clients do not keep an old one. */
const bodyFormat = 1;

/**
 * The version of the rows in a body. It has two parts: the log position, and the tables' generation
 * (the sum in `projection_checkpoint`). The generation rises when rows are written in another order
 * than the log. All instances have the same version.
 */
export const versionOf = (generation: bigint, position: bigint | string): string =>
  `${generation}.${position}`;

/** A body with its ETag. `part` distinguishes bodies of one version. */
export const prepared = (body: Buffer, version: string, part = ''): PreparedBody => ({
  body,
  etag: `"${bodyFormat}-${version}${part}"`,
});

/** A body of chunks that never change. They are joined only if the whole body is needed. */
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
