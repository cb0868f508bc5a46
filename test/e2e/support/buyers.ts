import { startBuyers as start } from '../../../src/drill/buyers.ts';
import type { Service } from './service.ts';

export { catalogFile, sessionsOf } from '../../../src/drill/sale-catalog.ts';

export interface Buyers {
  readonly buyers: number;
  /** Concert and session ids. */
  readonly sessions: readonly (readonly [string, string])[];
  /** What their ids begin with; `buyer` unless told. */
  readonly name?: string;
}

/** Those of a test that failed half way would go on for ever, and mocha with them. */
const unstopped = new Set<() => Promise<void>>();

// Loaded with the test files, outside any `describe`: this is a hook of the whole run.
if (typeof afterEach === 'function') {
  afterEach('stop the buyers that the test left buying', async () => {
    await Promise.all([...unstopped].map((stop) => stop()));
  });
}

/** The buyers of `reprise drill`, with their answers by status, and `error` without one. */
export function startBuyers(service: Service, options: Buyers) {
  const answers = new Map<string, number>();
  const { acknowledged, stop: end } = start({
    ...{ ...options, services: [service] },
    onAnswer: ({ status = 'error' }) =>
      answers.set(String(status), (answers.get(String(status)) ?? 0) + 1),
  });
  const stop = async (): Promise<void> => {
    unstopped.delete(stop);
    await end();
  };
  unstopped.add(stop);
  return { acknowledged: { ...acknowledged, answers }, stop };
}

/**
 * Does something about what each buyer was told of, one after another of a buyer and the buyers at
 * the same time.
 */
export async function ofEachBuyer(
  acknowledged: ReadonlyMap<string, string>,
  work: (userId: string, reservationId: string) => Promise<void>,
): Promise<void> {
  const all = [...new Set(acknowledged.values())].map(async (userId) => {
    for (const [reservationId, owner] of acknowledged) {
      if (owner === userId) await work(userId, reservationId);
    }
  });
  await Promise.all(all);
}

/**
 * Calls with a token of the user, and once more with another token if the place ended between the
 * two calls: it lasts some seconds after a payment.
 */
export async function withToken<T extends { readonly status: number }>(
  service: Pick<Service, 'token'>,
  userId: string,
  call: (token: string) => Promise<T>,
): Promise<T> {
  const first = await call(await service.token(userId));
  return first.status === 401 ? call(await service.token(userId)) : first;
}
