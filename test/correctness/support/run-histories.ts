import { expect } from 'chai';
import type { EventStore } from '../../../src/commands/core/event-store.ts';
import type { MirroredEventStore } from './mirrored-event-store.ts';
import { agrees, Model, saidByLog } from './model.ts';
import { holdMs } from './sale.ts';
import { Turns } from './turns.ts';
import { type Step, World } from './world.ts';

/**
 * One step after another. Every answer must be what the model says, and so must seats and balances;
 * of a step that was cut short by a crash, after a restart, all or nothing.
 */
export async function runSerially(steps: readonly Step[], store?: MirroredEventStore) {
  const turns = new Turns([], () => store?.underWay ?? 0);
  const world = new World(turns, [0, 0, 0], undefined, store);
  let model = new Model(world.nowMs);
  let crashing = false;
  const seen = new Set<string>();
  for (const step of steps) {
    crashing ||= step.do === 'crash';
    const before = model.clone();
    const known = world.reservations.length;
    const [outcome] = await world.run(step);
    const died = world.history.at(-1)?.includes('died') ?? false;
    const expected = model.take(step);
    // The same command again may be answered as it was the first time, though much has happened
    // since.
    const name = step.do === 'reserve' ? `${step.as} ${step.user} ${step.seats}` : '';
    const again = seen.has(name);
    if (name !== '') seen.add(name);
    if (!died && !again && !agrees(expected, outcome)) {
      fail(world, `the model says ${expected}`);
    }
    if (died) await world.recover();
    if (died && step.do === 'cancel-session' && world.audit().cancelledSessions.size === 0) {
      model = before;
    }
    const said = saidByLog(world.audit(), world.nowMs);
    if (said !== model.said() && (died || again) && said === before.said()) model = before;
    else if (said !== model.said())
      fail(world, `the log says  ${said}\nthe model says ${model.said()}`);
    if (model.bookings.length > world.reservations.length) adopt(world, model);
    if (world.reservations.length > known && model.bookings.length < world.reservations.length) {
      fail(world, 'a reservation that the model does not know');
    }
    check(world);
  }
  if (!crashing) expect(world.audit().unresolved(), world.history.join('\n')).to.deep.equal([]);
}

/**
 * The reservation whose answer was lost: the log knows its id, and it is the newest. Earlier ones
 * may have been refused.
 */
function adopt(world: World, model: Model): void {
  const booking = model.bookings.at(-1);
  for (const [id, { userId }] of [...world.audit().reservations].reverse()) {
    const partOfOrder = world.audit().orders.size > 0 && !id.startsWith('order.');
    if (world.reservations.includes(id) || userId !== booking?.user) continue;
    if (partOfOrder && booking.seats.length > 1) continue;
    if (id.startsWith('order.') !== booking.seats.length > 1) continue;
    world.reservations.push(id);
    return;
  }
  fail(world, 'a reservation that the log does not know');
}

/**
 * Rounds of steps at the same time, by clocks that differ. After each the log must be right; after
 * a restart nothing may be left half way, and no seat held for ever.
 */
export async function runAtOnce(
  rounds: readonly (readonly Step[])[],
  choices: readonly number[],
  change?: (store: EventStore) => EventStore,
  store?: MirroredEventStore,
): Promise<void> {
  const turns = new Turns(choices, () => store?.underWay ?? 0);
  const world = new World(turns, [0, -2_000, 2_000], change, store);
  await world.run({ do: 'charge', user: 'u1', amount: 170, key: 'first', on: 0 });
  for (const steps of rounds) {
    await world.run(...steps);
    check(world);
  }
  await world.recover();
  check(world);
  const left = world.audit().unresolved();
  if (left.length > 0) fail(world, `left half way: ${left.join(', ')}`);
  world.nowMs += 3 * holdMs;
  await world.run({ do: 'sweep', on: 0 });
  await world.recover();
  check(world);
  const held = [...world.audit().seats.values()].filter(({ soldTo }) => soldTo === undefined);
  if (held.length > 0) fail(world, `held for ever: ${held.map((seat) => seat.reservationId)}`);
}

function check(world: World): void {
  const { violations } = world.audit();
  if (violations.length > 0) fail(world, violations.join('\n'));
  if (world.failures.length > 0) fail(world, world.failures.join('\n'));
}

function fail(world: World, why: string): never {
  throw new Error(`${why}\n${world.history.join('\n')}`);
}
