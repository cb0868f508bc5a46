/**
 * ReadReq, which asks for a page of events or for a subscription (field numbers: streams.proto).
 */
import type { LogPosition } from '../log/position.ts';
import { decodeIdentifier, FieldError } from './requests.ts';
import { HandlerError, maxRevision, WireReader } from './wire.ts';

/**
 * The number of events that a filter examines between two pages, unless the client sets another
 * number.
 */
const defaultSearchWindow = 32;
/** The unsigned position that means the end of `$all`. */
const logEnd = 2n ** 64n - 1n;
const longMax = 2n ** 63n - 1n;

/** Selects events of `$all`. If there is a pattern, prefixes are ignored, as in EventStoreDB. */
export interface FilterOptions {
  on: 'stream' | 'type';
  regex: string;
  prefixes: string[];
  /** The number of events that one page of the search examines. */
  window: number;
  /**
   * The number of examined events between two checkpoints: the client's multiplier × its window.
   */
  checkpointInterval: number;
}

export interface ReadOptions {
  /** The stream, undefined for `$all`. */
  stream?: string;
  /** Where to begin in a stream. */
  revision: number | 'start' | 'end';
  /** Where to begin in `$all`. */
  position: LogPosition | 'start' | 'end';
  backwards: boolean;
  resolveLinks: boolean;
  /** The largest number of events; maxRevision for a subscription. */
  count: number;
  isSubscription: boolean;
  filter?: FilterOptions;
  /** Ids as two numbers instead of text. */
  structuredIds: boolean;
  /** Whether a read of a stream reports its first and last position. */
  tellsPositions: boolean;
}

/** The choices that the request contains. It must contain each of them. */
interface Choices {
  source: 'none' | 'stream' | '$all';
  amount: 'none' | 'count' | 'subscription';
  filter: 'none' | 'filter' | 'no filter';
  direction: number;
  hasUuidOption: boolean;
}

/**
 * @throws FieldError, HandlerError for a request that no server can answer. The error is the same
 * as that of the real server
 */
export function decodeRead(message: Buffer): ReadOptions {
  const options: ReadOptions = {
    revision: 'start',
    position: 'start',
    backwards: false,
    resolveLinks: false,
    count: maxRevision,
    isSubscription: false,
    structuredIds: true,
    tellsPositions: false,
  };
  const choices: Choices = {
    source: 'none',
    amount: 'none',
    filter: 'none',
    direction: 0,
    hasUuidOption: false,
  };
  const request = new WireReader(message);
  while (request.next()) {
    if (request.field === 1) decodeReadOptions(options, choices, request.message());
    else request.skip();
  }
  checkChoices(choices);
  return options;
}

function checkChoices({ source, amount, filter, direction, hasUuidOption }: Choices): void {
  if (!hasUuidOption) throw new FieldError('`uuidOption` is a required argument');
  const isPossible =
    source !== 'none' &&
    amount !== 'none' &&
    (filter === 'no filter' || (filter === 'filter' && source === '$all')) &&
    (direction === 0 || (direction === 1 && amount === 'count'));
  if (isPossible) return;
  const order = ['forwards', 'backwards'][direction] ?? direction;
  throw new FieldError(
    `The combination of (${source}, ${amount}, ${order}, ${filter}) is invalid.`,
  );
}

function decodeReadOptions(options: ReadOptions, choices: Choices, reader: WireReader): void {
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        choices.source = 'stream';
        decodeStreamStart(options, reader.message());
        break;
      case 2:
        choices.source = '$all';
        options.position = decodeAllStart(reader.message());
        break;
      case 3:
        choices.direction = reader.varint();
        options.backwards = choices.direction === 1;
        break;
      case 4:
        options.resolveLinks = reader.bool();
        break;
      case 5:
        choices.amount = 'count';
        options.count = reader.varint();
        break;
      case 6:
        choices.amount = 'subscription';
        options.isSubscription = true;
        reader.skip();
        break;
      case 7:
        choices.filter = 'filter';
        options.filter = decodeFilter(reader.message());
        break;
      case 8:
        choices.filter = 'no filter';
        reader.skip();
        break;
      case 9:
        choices.hasUuidOption = true;
        options.structuredIds = !hasField(reader.message(), 2);
        break;
      case 10:
        options.tellsPositions = controlOf(reader.message()) >= 1;
        break;
      default:
        reader.skip();
    }
  }
}

function hasField(reader: WireReader, field: number): boolean {
  let has = false;
  while (reader.next()) {
    has ||= reader.field === field;
    reader.skip();
  }
  return has;
}

function controlOf(reader: WireReader): number {
  let compatibility = 0;
  while (reader.next()) {
    if (reader.field === 1) compatibility = reader.varint();
    else reader.skip();
  }
  return compatibility;
}

function decodeStreamStart(options: ReadOptions, reader: WireReader): void {
  options.stream = '';
  let hasRevision = false;
  while (reader.next()) {
    if (reader.field === 1) {
      options.stream = decodeIdentifier(reader.message());
      continue;
    }
    hasRevision = true;
    if (reader.field === 2) {
      options.revision = reader.varint();
      continue;
    }
    options.revision = reader.field === 4 ? 'end' : 'start';
    reader.skip();
  }
  if (!hasRevision) throw new HandlerError('the revision to begin at is missing');
}

function decodeAllStart(reader: WireReader): ReadOptions['position'] {
  let from: ReadOptions['position'] | undefined;
  while (reader.next()) {
    if (reader.field === 1) from = decodePosition(reader.message());
    else {
      from = reader.field === 3 ? 'end' : 'start';
      reader.skip();
    }
  }
  if (from === undefined) throw new HandlerError('the position to begin at is missing');
  return from;
}

/** A proto3 zero is not sent, so an empty Position is (0, 0). */
function decodePosition(reader: WireReader): LogPosition | 'end' {
  let commit = 0n;
  let prepare = 0n;
  while (reader.next()) {
    if (reader.field === 1) commit = reader.varint64();
    else if (reader.field === 2) prepare = reader.varint64();
    else reader.skip();
  }
  if (commit === logEnd && prepare === logEnd) return 'end';
  if (commit < prepare)
    throw new HandlerError('The commit position cannot be less than the prepare position');
  return { commit: half(commit), prepare: half(prepare) };
}

function half(value: bigint): number {
  if (value > longMax) throw new HandlerError(`${value} is no position`);
  return Math.min(Number(value), maxRevision);
}

function decodeFilter(reader: WireReader): FilterOptions {
  const filter: FilterOptions = {
    on: 'stream',
    regex: '',
    prefixes: [],
    window: defaultSearchWindow,
    checkpointInterval: 0,
  };
  let multiplier = 0;
  let hasExpression = false;
  let hasWindow = false;
  while (reader.next()) {
    if (reader.field === 1 || reader.field === 2) {
      hasExpression = true;
      filter.on = reader.field === 1 ? 'stream' : 'type';
      const expression = reader.message();
      while (expression.next()) {
        if (expression.field === 1) filter.regex = expression.string();
        else if (expression.field === 2) filter.prefixes.push(expression.string());
        else expression.skip();
      }
    } else if (reader.field === 3) {
      hasWindow = true;
      filter.window = reader.varint();
    } else if (reader.field === 4) {
      hasWindow = true;
      reader.skip();
    } else if (reader.field === 5) multiplier = reader.varint();
    else reader.skip();
  }
  if (!hasExpression) throw new FieldError('the filter says nothing to look for');
  if (!hasWindow) throw new FieldError('the filter has no window');
  filter.checkpointInterval = filter.window * multiplier;
  return filter;
}
