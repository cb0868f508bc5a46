/**
 * Archives a log until it is killed: `archive-fixture.ts URL DIRECTORY FLUSH_MS`. Ends where the
 * log ends.
 */
import { archiveLog } from '../../../src/backup/archive-log.ts';
import { ArchiveWriter } from '../../../src/backup/archive-writer.ts';
import { connectRawLog } from '../../../src/infrastructure/raw-log.ts';

const [url = '', directory = '', flushMs = '5'] = process.argv.slice(2);
const log = connectRawLog(url);
const writer = await ArchiveWriter.open(directory, { version: 'test' });
await archiveLog({
  ...{ log, writer, follow: false, flushMs: Number(flushMs), signal: new AbortController().signal },
  onProgress: ({ events }) => process.stdout.write(`${events}\n`),
});
log.close();
writer.close();
