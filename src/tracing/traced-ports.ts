import type { Span } from '@opentelemetry/api';
import type { CommandContext } from '../commands/core/command-context.ts';
import { type EventStore, type NewEvent, withAppend } from '../commands/core/event-store.ts';
import type { Result } from '../commands/core/result.ts';
import type { BuyerCommands } from '../commands/sales/roles.ts';
import { inSpan, traceparentOf } from './spans.ts';

/**
 * The store, with a span for each append, in the trace of the first event's command. Commands of
 * one stream may be appended together: the span is linked to the traces of the others.
 */
export const traceAppends = (store: EventStore): EventStore =>
  withAppend(store, (stream, expected, events, ...given) => {
    const attributes = { 'reprise.stream': stream, 'reprise.events': events.length };
    const parent = events[0]?.metadata.traceparent;
    return inSpan('append', { parent, attributes, links: traceparents(events) }, (span) => {
      const append = store.append(stream, expected, events, ...given);
      return span.isRecording() ? noted(span, append) : append;
    });
  });

function* traceparents(events: readonly NewEvent[]): Generator<unknown> {
  for (const { metadata } of events) yield metadata.traceparent;
}

async function noted<A extends { readonly ok: boolean }>(
  span: Span,
  append: Promise<A>,
): Promise<A> {
  const appended = await append;
  span.setAttribute('reprise.outcome', appended.ok ? 'written' : 'conflict');
  return appended;
}

/** The commands, with a span for each. Its `traceparent` is stored with the command's events. */
export function traceCommands(sales: BuyerCommands): BuyerCommands {
  return {
    reserve: (command) => traced('reserve', command, (inside) => sales.reserve(inside)),
    pay: (command) => traced('pay', command, (inside) => sales.pay(inside)),
    cancel: (command) => traced('cancel', command, (inside) => sales.cancel(inside)),
    charge: (command) => traced('charge', command, (inside) => sales.charge(inside)),
    find: (reservationId) => sales.find(reservationId),
    sessionOf: (reservationId) => sales.sessionOf(reservationId),
    holds: (reservation) => sales.holds(reservation),
  };
}

function traced<C extends { readonly context: CommandContext }, T>(
  name: string,
  command: C,
  run: (command: C) => Promise<Result<T>>,
): Promise<Result<T>> {
  const { commandId, traceparent: parent } = command.context;
  const attributes = { 'reprise.command_id': commandId };
  return inSpan(`command ${name}`, { parent, attributes }, async (span: Span) => {
    const traceparent = traceparentOf(span);
    if (traceparent === undefined) return run(command);
    const result = await run({ ...command, context: { ...command.context, traceparent } });
    span.setAttribute('reprise.outcome', result.ok ? 'done' : result.refusal.code);
    return result;
  });
}
