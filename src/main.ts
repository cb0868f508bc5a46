import { constants, setPriority } from 'node:os';
import { Command } from 'commander';
import { addCommands, commands } from './cli/commands.ts';
import { defineHelp } from './cli/help.ts';
import { version } from './cli/version.ts';

/**
 * The `reprise` command line. `cli/commands.ts` lists the commands; each has a file of its own in
 * `cli/`, which is loaded when the command is chosen.
 */

const program = new Command('reprise')
  .description('Sells concert seats: an event-sourced backend with a waiting queue.')
  .version(version)
  .showHelpAfterError('(--help shows the arguments and options of this command)')
  .addHelpText(
    'after',
    `
Start here:
  $ reprise serve                     starts everything: data in .data, API on port 3000
  $ reprise catalog import FILE       puts concerts, sessions and seat maps on sale
  $ reprise help serve                shows the settings

Exit codes: 0 done, 1 not done (standard error has the reason). Some commands have more exit codes:
their help lists them.`,
  );

/**
 * Prints an error that says what to do as it is. Any other error is a bug, and is printed with its
 * stack.
 */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof TypeError ? (error.stack ?? error.message) : error.message;
}

const words = process.argv.slice(2).filter((word) => !word.startsWith('-') && word !== 'help');
// The buyers of a running service are more important than a rebuild. This includes the time to load
// the command.
if (words[0] === 'rebuild') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
try {
  await addCommands(program, commands, words);
  defineHelp(program);
  await program.parseAsync();
} catch (error) {
  console.error(`reprise: ${explain(error)}`);
  process.exitCode = 1;
}
