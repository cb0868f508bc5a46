import { readFileSync } from 'node:fs';

/**
 * Each benchmark imports this file. With `--help`, it prints the comment at the head of the
 * benchmark's file, and ends the process.
 */
if (process.argv.includes('--help') || process.argv.includes('-h')) {
  const file = process.argv[1] as string;
  const [, comment = ''] =
    /^\/\*\*\r?\n([\s\S]*?)\r?\n \*\//.exec(readFileSync(file, 'utf8')) ?? [];
  console.log(comment.replaceAll(/^ \* ?/gm, ''));
  process.exit(0);
}
