import { archivedPrefixes } from '../../../src/events/streams.ts';
import { connectRawLog, type RawEvent } from '../../../src/infrastructure/raw-log.ts';

/** All that an archive of a log has to have. */
export async function rawEventsOf(url: string): Promise<RawEvent[]> {
  const log = connectRawLog(url);
  const events: RawEvent[] = [];
  const end = new AbortController();
  const options = { after: null, prefixes: archivedPrefixes, signal: end.signal };
  for await (const message of log.subscribe(options)) {
    if (message.kind === 'event') events.push(message.event);
    if (message.kind === 'caught-up') break;
  }
  log.close();
  return events;
}

/** An event in a form that compares. */
export const plain = ({ metadata, data, ...rest }: RawEvent) => ({
  ...rest,
  metadata: Buffer.from(metadata).toString('latin1'),
  data: Buffer.from(data).toString('latin1'),
});
