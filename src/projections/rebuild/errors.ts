import type { LogPosition } from '../../events/log-position.ts';

/** Why a rebuild fails. */

/** The new tables did not reach a position in time. */
export class NotYet extends Error {
  constructor() {
    super('the log does not yet give what the live tables have');
    this.name = 'NotYet';
  }
}

/** The live tables now have events that were kept out of the new tables. */
export class Retried extends Error {
  constructor() {
    super('parked events were retried while new tables were built without them: run it again');
    this.name = 'Retried';
  }
}

/** The new tables have an event that an operator has skipped since then. */
export class SkippedMeanwhile extends Error {
  constructor(stream: string, revision: bigint) {
    super(`event ${revision}@${stream} was skipped while new tables were built: run it again`);
    this.name = 'SkippedMeanwhile';
  }
}

/**
 * An event that this version cannot read, or that PostgreSQL cannot store. Tables without it would
 * look complete.
 */
export class EventInTheWay extends Error {
  constructor(why: string, { commit }: LogPosition, isParked: boolean) {
    const out = isParked
      ? 'its stream is parked in the live tables: a version that can read it brings it in (reprise projections retry, or ' +
        'reprise rebuild), and reprise rebuild --keep-parked leaves it parked in the new tables'
      : 'run it with a version that can read it; reprise help projections skip says what to do where there is none';
    super(`${why}, at log position ${commit}; ${out}`);
    this.name = 'EventInTheWay';
  }
}

/** Other sessions used the live tables for too long. */
export class InUse extends Error {
  /** @param users a text that describes them; empty if they are not known */
  constructor(cause: unknown, users: string) {
    super(
      `the live tables were in use all the time (${(cause as Error).message}): ` +
        `wait until the sessions that use them for a long time have ended, and run it again${users && `. In use by ${users}`}`,
      { cause },
    );
    this.name = 'InUse';
  }
}

/** The live tables were emptied or replaced meanwhile. */
export class WentBack extends Error {
  constructor() {
    super('the live tables went back while new ones were built: run it again');
    this.name = 'WentBack';
  }
}

/** The live tables belong to another log, but the rebuild does not include all of them. */
export class PartlyOtherLog extends Error {
  constructor() {
    super(
      'the live tables were made from another log, or from the state of this log before a restore: rebuild all ' +
        'projections together',
    );
    this.name = 'PartlyOtherLog';
  }
}

/**
 * Some events are parked, so they are in no table. New tables with these events would not fit the
 * tables that are not rebuilt.
 */
export class PartlyParked extends Error {
  constructor() {
    super(
      'events are parked: rebuild all projections together, or leave them parked (--keep-parked), or run ' +
        'reprise projections retry',
    );
    this.name = 'PartlyParked';
  }
}

/** Lock not available, serialization failure, deadlock. */
const busyStates: ReadonlySet<unknown> = new Set(['55P03', '40001', '40P01']);

/** Can another attempt help? It can if other sessions blocked it, or if the log was late. */
export const canPass = (error: unknown): boolean =>
  error instanceof NotYet || busyStates.has((error as { code?: unknown }).code);
