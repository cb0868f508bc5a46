import type { Writer } from '../log/writer.ts';
import { decideAppend, metadataEvent } from './append.ts';

/**
 * The first event of a real node: the metadata of `$scavenges`, with its readers and its age limit.
 */
const stream = '$$$scavenges';
const metadata = '{"$maxAge":2592000,"$acl":{"$r":"$ops","$w":[],"$d":[],"$mr":[],"$mw":[]}}';

/** Writes the first event of a new log. @throws Error when the disk refuses it */
export async function writeFirstEvent(writer: Writer): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    writer.submit({
      deadlineMs: Number.POSITIVE_INFINITY,
      bytes: metadata.length,
      decide: (group, nowMs) =>
        decideAppend(group, stream, 'any', [metadataEvent(Buffer.from(metadata))], nowMs),
      done: (result) => (result.kind === 'failed' ? reject(new Error(result.reason)) : resolve()),
    }),
  );
}
