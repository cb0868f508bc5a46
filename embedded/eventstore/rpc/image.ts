/**
 * Image.Write: an image of the log at a path of the caller's (log/image.ts). It is no call of
 * EventStoreDB's. Request and answer are JSON.
 */
import { isAbsolute } from 'node:path';
import { writeImage } from '../log/image.ts';
import { type RpcHandler, Status } from './grpc-call.ts';
import type { Service } from './service.ts';

export const imagePath = '/reprise.embedded.Image/Write';

/** @param isGuarded callers have shown a password: only who may read the log may have it copied */
export function image({ log }: Service, isGuarded: boolean): RpcHandler {
  let isBusy = false;
  return (call) =>
    call.once((message) => {
      const path = pathIn(message);
      if (!isGuarded) {
        call.end(Status.failedPrecondition, 'this event store has no password: it makes no images');
      } else if (path === undefined) {
        call.end(Status.invalidArgument, 'the request is no absolute path');
      } else if (isBusy) {
        // Each one keeps old pages of the log from being used again.
        call.end(Status.unavailable, 'another image is being written');
      } else {
        isBusy = true;
        writeImage(log.storage, path)
          .then(
            (content) => {
              call.send(Buffer.from(JSON.stringify(content)));
              call.end(Status.ok);
            },
            (error: Error) => call.end(Status.internal, error.message),
          )
          .finally(() => {
            isBusy = false;
          });
      }
    });
}

function pathIn(message: Buffer): string | undefined {
  try {
    const { path } = JSON.parse(message.toString());
    return typeof path === 'string' && isAbsolute(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
