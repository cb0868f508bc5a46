import type { Image } from '../backup/images.ts';

const mebibyte = 1024 ** 2;

/** Two lines about an image, for people. */
export function describeImage({ id, manifest }: Image): string {
  if (manifest === undefined) return `${id}  cannot be read: remove it`;
  const { events, bytes, lastCreatedAt, lastPosition } = manifest;
  return [
    `${id}  ${events} events, ${(bytes / mebibyte).toFixed(1)} MiB`,
    `  the embedded event store up to ${lastCreatedAt}, position ${lastPosition}`,
  ].join('\n');
}

export const imageToJson = ({ id, directory, manifest }: Image): unknown => ({
  ...{ id, directory },
  ...manifest,
});
