import { readFileSync } from 'node:fs';

/** Imported by each benchmark: `--help` prints the comment at the head of its file, and ends it. */
if (process.argv.includes('--help') || process.argv.includes('-h')) {
  const file = process.argv[1] as string;
  const [, comment = ''] = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(file, 'utf8')) ?? [];
  console.log(comment.replaceAll(/^ \* ?/gm, ''));
  process.exit(0);
}
