import fc from 'fast-check';
import { maxRevision } from '../../../embedded/eventstore/codec/wire.ts';
import { anyCharacter } from '../../support/any-character.ts';

export const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
export const text = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 60 });
export const number = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.maxSafeNat().filter((value) => value < maxRevision),
  fc.constantFrom(127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 2),
);
export const proposed = fc.record({
  id: fc.uuid(),
  type: text,
  contentType: fc.constantFrom('application/json', 'application/octet-stream'),
  data: bytes,
  metadata: bytes,
});
