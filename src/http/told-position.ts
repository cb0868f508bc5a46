import { z } from 'zod';

/**
 * A position as clients have it. A log that was restored from a backup is another log, in which the
 * same number may be another place: then a part of its epoch is behind the number, and what was
 * told of the log of before says nothing of this one.
 */
export interface ToldPosition {
  readonly position: bigint;
  /** Of which log it is; '' for one that was never restored. */
  readonly epoch: string;
}

/** Characters of an epoch: enough to tell the few logs that a shop ever has. */
const epochLength = 8;

/** What is told of a log. @param epoch of the whole, undefined for a log that was never restored */
export const shortEpoch = (epoch: string | undefined): string =>
  (epoch ?? '').slice(0, epochLength);

export const tellPosition = (position: bigint, epoch: string): string =>
  epoch === '' ? String(position) : `${position}.${epoch}`;

/** @param message what a value has to be */
export const toldPosition = (message: string) =>
  z
    .string()
    .regex(/^[0-9]{1,19}(\.[0-9a-f]{8})?$/, message)
    .transform((text): ToldPosition => {
      const [position = '', epoch = ''] = text.split('.');
      return { position: BigInt(position), epoch };
    });

/** The position, if it is one of this log. */
export const positionOf = (told: ToldPosition | undefined, epoch: string): bigint | undefined =>
  told?.epoch === epoch ? told.position : undefined;
