/** The information that a node reports about itself: its features, and its cluster of one node. */
import { randomUUID } from 'node:crypto';
import { bytesField, messageField, numberField } from '../codec/wire.ts';
import { type CheckpointManner, defaultCheckpoints } from '../subscriptions/search.ts';
import { type RpcHandler, Status } from './grpc-call.ts';

/** The version of EventStoreDB whose checkpoints this server sends. */
const serverVersions: Readonly<Record<CheckpointManner, string>> = {
  '24.10.4': '24.10.4',
  '25.0': '25.0.0',
};
const leaderState = 8;
const ticksPerMs = 10_000;

/**
 * Lists exactly the given methods (paths `/service/Method`). Clients use this list to choose how
 * they append.
 */
export function supportedMethods(
  paths: readonly string[],
  checkpoints: CheckpointManner = defaultCheckpoints,
): RpcHandler {
  const methods = paths.map((path) => {
    const [, service = '', method = ''] = path.toLowerCase().split('/');
    return messageField(1, bytesField(1, method), bytesField(2, service));
  });
  const answer = Buffer.concat([...methods, bytesField(2, serverVersions[checkpoints])]);
  return (call) =>
    call.once(() => {
      call.send(answer);
      call.end(Status.ok);
    });
}

/** Gossip.Read: one member, alive, the leader, at the address that the caller used. */
export function gossip(): RpcHandler {
  const instanceId = bytesField(2, randomUUID());
  return (call) =>
    call.once(() => {
      const { hostname, port } = new URL(
        `http://${call.headers[':authority'] ?? 'localhost:2113'}`,
      );
      const member = messageField(
        1,
        messageField(1, instanceId),
        numberField(2, Date.now() * ticksPerMs),
        numberField(3, leaderState),
        numberField(4, 1),
        messageField(5, bytesField(1, hostname), numberField(2, Number(port === '' ? 80 : port))),
      );
      call.send(member);
      call.end(Status.ok);
    });
}
