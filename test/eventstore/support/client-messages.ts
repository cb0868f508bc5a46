import shared from '@eventstore/db-client/generated/shared_pb.js';

/** Messages as the official client makes them. */

export function identifier(name: string) {
  const stream = new shared.StreamIdentifier();
  stream.setStreamName(Buffer.from(name));
  return stream;
}

export function uuid(id: string) {
  const message = new shared.UUID();
  message.setString(id);
  return message;
}

export const id = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';
