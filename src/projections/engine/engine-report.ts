import type { ClientBase } from 'pg';
import type { ReadSideStatus } from '../projector.ts';

/** Shortest time between two reports, in ms. Nothing is written when nothing has changed. */
const reportMs = 1_000;

/**
 * The row in the database from which `reprise projections` shows what the leading instance does.
 */
export class EngineReport {
  #events = 0;
  #sinceMs = performance.now();
  #written: string | undefined;

  /** Counts events that were written. */
  count(events: number): void {
    this.#events += events;
  }

  /** Makes the next report in any case, because another instance may have written one meanwhile. */
  startAnew(): void {
    this.#written = undefined;
    this.#events = 0;
    this.#sinceMs = performance.now();
  }

  async write(client: ClientBase, { state, error }: ReadSideStatus): Promise<void> {
    const passedMs = performance.now() - this.#sinceMs;
    if (passedMs < reportMs && this.#written !== undefined && state !== 'stopped') return;
    const rate = passedMs > 0 ? Math.round((1_000 * this.#events) / passedMs) : 0;
    this.#events = 0;
    this.#sinceMs = performance.now();
    const report = `${state} ${rate} ${error}`;
    if (report === this.#written) return;
    await client.query({ name: 'engine_report', text: reportText, values: [state, error, rate] });
    this.#written = report;
  }
}

const reportText = `
  INSERT INTO projection_engine (state, error, events_per_second, told_at)
  VALUES ($1, $2, $3, now())
  ON CONFLICT (only_one) DO UPDATE SET state = excluded.state, error = excluded.error,
    events_per_second = excluded.events_per_second, told_at = excluded.told_at`;
