import type { CommandProgress } from '../../support/progress-meter.ts';
import type { RebuildProgress } from './options.ts';

/** A rebuild's progress for the meter. */
export function rebuildProgress({
  step,
  events,
  position,
  target,
}: RebuildProgress): CommandProgress {
  const doing = `${step} the new tables`;
  if (step !== 'filling') return { doing, done: events, unit: 'events' };
  // The meter shows positions instead of events, because nobody knows the number of events without
  // reading all of them.
  const share = target ? Number(position ?? 0n) / Number(target) : 1;
  return { doing, done: events, unit: 'events', share };
}
