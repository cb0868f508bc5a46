/**
 * Image.Write makes an image of the log (log/image.ts) at a path that the caller chooses.
 * EventStoreDB does not have this call. Request and answer are JSON.
 */
import { isAbsolute } from 'node:path';
import { writeImage } from '../log/image.ts';
import { type RpcHandler, Status } from './grpc-call.ts';
import type { Service } from './service.ts';

export const imagePath = '/reprise.embedded.Image/Write';

/** @param isGuarded callers must send a password. Only a caller who may read the log may copy it */
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
        // While an image is written, LMDB cannot use old pages of the log again.
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
