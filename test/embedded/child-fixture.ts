import { writeFileSync } from 'node:fs';
import { runChild } from '../../embedded/child.ts';

/** An embedded part that does as its first argument says. */
const behaviours: Record<string, () => Promise<{ url: string; stop(): Promise<void> }>> = {
  ready: async () => {
    // Something that keeps it alive, as a server does.
    setInterval(() => {}, 60_000);
    return { url: `test://${process.argv[3]}`, stop: async () => {} };
  },
  failed: () => Promise.reject(new Error('the disk is full')),
  silent: () => {
    writeFileSync(process.argv[3] as string, String(process.pid));
    return new Promise(() => {});
  },
  ended: () => process.exit(7),
};

process.on('message', (message) => process.send?.({ echo: message }));
runChild(() => (behaviours[process.argv[2] ?? ''] ?? Promise.reject)());
