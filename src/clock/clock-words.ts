import { clockLimits } from './clock-limits.ts';
import type { Heard } from './server-times.ts';

/** A text with the servers' times, compared with a time. */
export function saying(all: readonly Heard[], ms: number): string {
  return all
    .map(({ name, low, high }) => `${name} says ${differenceInWords((low + high) / 2 - ms)}`)
    .join(', ');
}

const differenceInWords = (ms: number): string =>
  `that it is ${(Math.abs(ms) / 1_000).toFixed(1)} s ${ms > 0 ? 'later' : 'earlier'}`;

/** Undefined if the machine's clock is right enough. */
export function skewWords(ms: number): string | undefined {
  if (Math.abs(ms) <= clockLimits.agreeMs) return undefined;
  const seconds = (Math.abs(ms) / 1_000).toFixed(1);
  return `this machine’s clock is ${seconds} s ${ms > 0 ? 'ahead of' : 'behind'} the servers’: it is not used`;
}
