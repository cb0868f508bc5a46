import { IncidentFiles } from '../../../src/incidents/files.ts';
import { at, sampleLines } from './sample.ts';

/** Adds notes to an incident without end, and says each one that it was told is kept. */

const [directory = '', id = ''] = process.argv.slice(2);
const files = new IncidentFiles(directory);
const [, note] = sampleLines();
for (let n = 1; ; n += 1) {
  const text = `${process.pid}-${n}`;
  await files.add(id, { ...note, kind: 'note', text, at: at(n), written: at(n) });
  process.stdout.write(`${text}\n`);
}
