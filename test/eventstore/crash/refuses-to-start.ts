import { expect } from 'chai';
import { rejection } from '../../conformance/support/client.ts';
import { EmbeddedServer } from '../../conformance/support/own-server.ts';

/**
 * A server refuses to start on a directory, with a message that names it and says what the pattern
 * asks for.
 */
export async function refusesToStart(directory: string, message: RegExp): Promise<void> {
  // One that starts after all is stopped: it would keep this process alive.
  const error = await rejection(
    EmbeddedServer.start({ directory }).then((server) => server.dispose()),
  );
  expect(error).to.be.instanceOf(Error);
  expect((error as Error).message).to.match(message);
  expect((error as Error).message).to.include(directory);
}
