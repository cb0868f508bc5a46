import { type Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { countRestarts, embeddedServers, type StartedProcess } from './counters.ts';
import { type Starts, showStarts } from './starts.ts';

/** The value of the label `worker`. The values of workers have this label, too. */
const label = 'primary';

/**
 * The metrics of the primary process of a service with workers: the process itself, starts and
 * restarts.
 */
export class PrimaryMetrics {
  /** Set once the service has its DATA_DIR. */
  starts: Starts | undefined;
  readonly #registry = new Registry();
  readonly #restarts: Counter<'server'>;

  constructor() {
    this.#registry.setDefaultLabels({ worker: label });
    this.#restarts = countRestarts(this.#registry, [...embeddedServers, 'worker']);
    showStarts(this.#registry, () => this.starts);
    collectDefaultMetrics({ register: this.#registry });
  }

  restarted(server: StartedProcess): void {
    this.#restarts.inc({ server });
  }

  /** In the text format of Prometheus. */
  page(): Promise<string> {
    return this.#registry.metrics();
  }
}
