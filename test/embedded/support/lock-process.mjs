// A process as light as it gets: `lock-process.mjs MODULE take|ask FILE [TIMES]`. Begins when its
// standard input ends, and tries so many times at once: to the kernel each is another opener, as
// another process is. One line for each.
import { readFileSync } from 'node:fs';

const [, , module, order, file, times = '1'] = process.argv;
const { lockFileWithin, lockHolder } = await import(module);
if (order === 'ask') {
  process.stdout.write('asking\n');
  for (;;) lockHolder(file);
}
readFileSync(0);
const one = async () => {
  try {
    await lockFileWithin(file, 250);
    setInterval(() => {}, 60_000);
    return `mine ${process.pid}`;
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
};
const said = await Promise.all(Array.from({ length: Number(times) }, one));
process.stdout.write(`${said.join('\n')}\n`);
