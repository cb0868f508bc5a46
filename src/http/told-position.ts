import { z } from 'zod';

/**
 * A position in the form that clients see. A log that was restored from a backup is another log. In
 * it, the same number may be another event. Therefore a part of its epoch follows the number. A
 * position of an earlier log says nothing about this log.
 */
export interface ToldPosition {
  readonly position: bigint;
  /** The log of the position; '' for a log that was never restored. */
  readonly epoch: string;
}

/**
 * The number of characters of an epoch that clients see. It is enough to distinguish the few logs
 * that a shop ever has.
 */
const epochLength = 8;

/**
 * The part of an epoch that clients see.
 * @param epoch the whole epoch, undefined for a log that was never restored
 */
export const shortEpoch = (epoch: string | undefined): string =>
  (epoch ?? '').slice(0, epochLength);

export const tellPosition = (position: bigint, epoch: string): string =>
  epoch === '' ? String(position) : `${position}.${epoch}`;

/** @param message says what a value must be */
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
