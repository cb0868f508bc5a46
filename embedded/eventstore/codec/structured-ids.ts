/** Events for clients that request ids as two numbers instead of text. */
import { uuidLength } from './recorded-event.ts';
import {
  bytesField,
  messageField,
  numberField,
  type Part,
  varint64Field,
  WireReader,
} from './wire.ts';

/** The UUID { 2: text } that every RecordedEvent begins with, as field 1. */
const idBytes = 4 + uuidLength;

/**
 * A ReadResp with an event, and sometimes a link. The result is the same with UUID { 1: { 1: high,
 * 2: low } }.
 */
export function withStructuredIds(message: Buffer): Buffer {
  const response = new WireReader(message);
  response.next();
  const readEvent = response.message();
  const parts: Part[] = [];
  while (readEvent.next()) {
    if (readEvent.field === 3) parts.push(numberField(3, readEvent.varint()));
    else parts.push(bytesField(readEvent.field, withStructuredId(readEvent.bytes())));
  }
  return messageField(1, ...parts);
}

function withStructuredId(recorded: Buffer): Buffer {
  const hex = recorded.toString('latin1', 4, idBytes).replaceAll('-', '');
  const [high, low] = [hex.slice(0, 16), hex.slice(16)].map((half) => BigInt(`0x${half}`));
  const structured = messageField(1, varint64Field(1, high ?? 0n), varint64Field(2, low ?? 0n));
  return Buffer.concat([messageField(1, structured), recorded.subarray(idBytes)]);
}
