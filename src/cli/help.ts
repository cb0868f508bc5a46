import type { Command } from 'commander';

/** `reprise help [command…]`: Commander's own knows no command's commands, and refuses no name. */
export function defineHelp(program: Command): void {
  program
    .command('help')
    .argument('[command...]')
    .description('Show the help of a command.')
    .action((names: string[]) => {
      let command = program;
      for (const [index, name] of names.entries()) {
        const next = command.commands.find((one) => one.name() === name);
        if (next === undefined) {
          program.error(`error: unknown command '${names.slice(0, index + 1).join(' ')}'`);
        }
        command = next;
      }
      command.help();
    });
}
