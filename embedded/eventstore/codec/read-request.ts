/** ReadReq, which asks for a page of events or for a subscription (field numbers: streams.proto). */
import { BEFORE_ALL, type LogPosition } from '../log/position.ts';
import { decodeIdentifier } from './requests.ts';
import { MAX_REVISION, WireReader } from './wire.ts';

/** What a filter looks at between two pages unless the client says otherwise, in events. */
const DEFAULT_SEARCH_WINDOW = 32;
/** Unsigned, the position that stands for the end of `$all`. */
const END = 2n ** 64n - 1n;

/** How events are chosen from `$all`. A pattern wins over prefixes, as in EventStoreDB. */
export interface FilterOptions {
  on: 'stream' | 'type';
  regex: string;
  prefixes: string[];
  /** Events that a page of the search looks at. */
  window: number;
  /** Considered events between two checkpoints: the client's multiplier × its window. */
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
  /** How many events at most; MAX_REVISION for a subscription. */
  count: number;
  isSubscription: boolean;
  filter?: FilterOptions;
}

export function decodeRead(message: Buffer): ReadOptions {
  const options: ReadOptions = {
    revision: 'start',
    position: 'start',
    backwards: false,
    resolveLinks: false,
    count: MAX_REVISION,
    isSubscription: false,
  };
  const request = new WireReader(message);
  while (request.next()) {
    if (request.field === 1) decodeReadOptions(options, request.message());
    else request.skip();
  }
  return options;
}

function decodeReadOptions(options: ReadOptions, reader: WireReader): void {
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        decodeStreamStart(options, reader.message());
        break;
      case 2:
        options.position = decodeAllStart(reader.message());
        break;
      case 3:
        options.backwards = reader.varint() === 1;
        break;
      case 4:
        options.resolveLinks = reader.bool();
        break;
      case 5:
        options.count = reader.varint();
        break;
      case 6:
        options.isSubscription = true;
        reader.skip();
        break;
      case 7:
        options.filter = decodeFilter(reader.message());
        break;
      default:
        reader.skip();
    }
  }
}

function decodeStreamStart(options: ReadOptions, reader: WireReader): void {
  options.stream = '';
  while (reader.next()) {
    if (reader.field === 1) options.stream = decodeIdentifier(reader.message());
    else if (reader.field === 2) options.revision = reader.varint();
    else {
      if (reader.field === 3) options.revision = 'start';
      else if (reader.field === 4) options.revision = 'end';
      reader.skip();
    }
  }
}

function decodeAllStart(reader: WireReader): ReadOptions['position'] {
  let from: ReadOptions['position'] = 'start';
  while (reader.next()) {
    if (reader.field === 1) from = decodePosition(reader.message());
    else {
      if (reader.field === 2) from = 'start';
      else if (reader.field === 3) from = 'end';
      reader.skip();
    }
  }
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
  return commit === END && prepare === END
    ? 'end'
    : { commit: half(commit), prepare: half(prepare) };
}

function half(value: bigint): number {
  return value === END ? BEFORE_ALL.commit : Math.min(Number(value), MAX_REVISION);
}

function decodeFilter(reader: WireReader): FilterOptions {
  const filter: FilterOptions = {
    on: 'stream',
    regex: '',
    prefixes: [],
    window: DEFAULT_SEARCH_WINDOW,
    checkpointInterval: 0,
  };
  let multiplier = 1;
  while (reader.next()) {
    if (reader.field === 1 || reader.field === 2) {
      filter.on = reader.field === 1 ? 'stream' : 'type';
      const expression = reader.message();
      while (expression.next()) {
        if (expression.field === 1) filter.regex = expression.string();
        else if (expression.field === 2) filter.prefixes.push(expression.string());
        else expression.skip();
      }
    } else if (reader.field === 3) filter.window = reader.varint();
    else if (reader.field === 5) multiplier = reader.varint();
    else reader.skip();
  }
  filter.checkpointInterval = Math.max(1, filter.window * multiplier);
  return filter;
}
