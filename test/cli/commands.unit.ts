import { expect } from 'chai';
import { Command } from 'commander';
import { addCommands, type CommandEntry, commands } from '../../src/cli/commands.ts';

const nameOf = ({ name }: CommandEntry): string => name.split(' ')[0] ?? '';

/** Every command with the words that choose it. */
const all = (entries: readonly CommandEntry[], before: readonly string[] = []) =>
  entries.flatMap((entry): { entry: CommandEntry; words: readonly string[] }[] => {
    const words = [...before, nameOf(entry)];
    return [{ entry, words }, ...all(entry.commands ?? [], words)];
  });

const findIn = (program: Command, words: readonly string[]): Command | undefined =>
  words.reduce<Command | undefined>(
    (command, word) => command?.commands.find((one) => one.name() === word),
    program,
  );

describe('the list of commands', () => {
  for (const { entry, words } of all(commands)) {
    it(`shows the arguments that reprise ${words.join(' ')} takes`, async () => {
      const program = new Command('reprise');
      await addCommands(program, commands, words);
      const args = findIn(program, words)?.registeredArguments.map((argument) => {
        const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
        return argument.required ? `<${name}>` : `[${name}]`;
      });
      expect([nameOf(entry), ...(args ?? ['not found'])].join(' ')).to.equal(entry.name);
    });
  }

  it('loads nothing but what is chosen', async () => {
    const loaded: string[] = [];
    const entry = (name: string, more: readonly CommandEntry[] = []): CommandEntry => ({
      name,
      description: name,
      load: async () => {
        loaded.push(name);
        return () => {};
      },
      commands: more,
    });
    const entries = [entry('a', [entry('a1'), entry('a2')]), entry('b')];
    await addCommands(new Command(), entries, []);
    expect(loaded).to.deep.equal([]);
    await addCommands(new Command(), entries, ['a', 'a2', 'b']);
    expect(loaded).to.deep.equal(['a', 'a2']);
  });
});
