import type { Command } from 'commander';

/** Gives a command its options, its help text and its action. */
export type DefineCommand = (command: Command) => void;

/** A command of the command line. */
export interface CommandEntry {
  /** Its name and its arguments, in the form of the list of commands. */
  readonly name: string;
  readonly description: string;
  /** Loads the command's own file, which takes up to a second. Absent for a group of commands. */
  readonly load?: () => Promise<DefineCommand>;
  readonly commands?: readonly CommandEntry[];
}

/** Every command of `reprise`. Only the chosen command is loaded. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'serve',
    description: 'Start the service. It starts an embedded server for each URL that is not set.',
    load: async () => (await import('./serve.ts')).defineServe,
  },
  {
    name: 'catalog',
    description: 'Put concerts on sale, or cancel a session.',
    commands: [
      {
        name: 'import <file>',
        description:
          'Put the concerts of a catalog file on sale. A second import changes only what differs.',
        load: async () => (await import('./catalog-import.ts')).defineCatalogImport,
      },
      {
        name: 'cancel <session>',
        description: 'Take a session off sale permanently, and refund every buyer.',
        load: async () => (await import('./catalog-cancel.ts')).defineCatalogCancel,
      },
    ],
  },
  {
    name: 'verify',
    description: 'Prove from the log that no seat was sold twice and no money is wrong or lost.',
    load: async () => (await import('./verify.ts')).defineVerify,
  },
  {
    name: 'check',
    description:
      'Check whether a service works again after a restart, restore, rollback or repair.',
    load: async () => (await import('./check-service.ts')).defineCheck,
  },
  {
    name: 'alarm',
    description: 'Watch services, and send an alert when a sale is in danger.',
    load: async () => (await import('./alarm.ts')).defineAlarm,
  },
  {
    name: 'rebuild [projection...]',
    description: 'Build the read models from the log and replace the live ones.',
    load: async () => (await import('./rebuild.ts')).defineRebuild,
  },
  {
    name: 'projections',
    description: 'Show the position of each read model, and the event or fault that blocks it.',
    load: async () => (await import('./projections-show.ts')).defineProjectionsShow,
    commands: [
      {
        name: 'retry',
        description: 'Write the parked events that this version can read.',
        load: async () => (await import('./projections-retry.ts')).defineProjectionsRetry,
      },
      {
        name: 'skip <event>',
        description: 'Make all readers ignore an event that no version can read.',
        load: async () => (await import('./projections-skip.ts')).defineProjectionsSkip,
      },
    ],
  },
  {
    name: 'history',
    description:
      'Show what happened to a seat, a reservation, an account or a waiting user, and why.',
    load: async () => (await import('./history.ts')).defineHistory,
  },
  {
    name: 'queue',
    description: 'Steer the waiting queue of the running service, on all instances.',
    load: async () => (await import('./queue.ts')).defineQueue,
    commands: [
      {
        name: 'audit',
        description:
          'Prove from the log that the queue admitted users in their order, and never too many.',
        load: async () => (await import('./queue-audit.ts')).defineQueueAudit,
      },
    ],
  },
  {
    name: 'backup',
    description: 'Keep a copy of the whole log, and prove that the copy is complete.',
    load: async () => (await import('./backup.ts')).defineBackup,
  },
  {
    name: 'contract',
    description: 'Show what this version reads and writes: events, read models, migrations.',
    load: async () => (await import('./contract-show.ts')).defineContract,
  },
  {
    name: 'releases',
    description: 'Show which versions of the service served the log, and since when.',
    load: async () => (await import('./releases-show.ts')).defineReleases,
  },
  {
    name: 'rollback <version>',
    description: 'Say whether an older version can serve this log, and how to go back to it.',
    load: async () => (await import('./rollback.ts')).defineRollback,
  },
  {
    name: 'incident',
    description: 'Record an incident in plain files, measure it, and write its reports.',
    load: async () => (await import('./incident.ts')).defineIncident,
  },
  {
    name: 'drill',
    description: 'Cause faults on its own servers, and measure the effect on buyers.',
    load: async () => (await import('./drill.ts')).defineDrill,
  },
  {
    name: 'restore <archive>',
    description:
      'Restore a backup into an empty event store. The sale is closed until you open it.',
    load: async () => (await import('./restore.ts')).defineRestore,
  },
];

/**
 * Adds commands to their parent: the chosen one completely, the others only by name.
 * @param words the words of the command line that may name commands
 */
export async function addCommands(
  parent: Command,
  entries: readonly CommandEntry[],
  [word, ...rest]: readonly string[],
): Promise<void> {
  for (const entry of entries) {
    const [name = ''] = entry.name.split(' ', 1);
    const isChosen = name === word;
    const command = parent.command(isChosen ? name : entry.name).description(entry.description);
    if (!isChosen) continue;
    const define = await entry.load?.();
    define?.(command);
    await addCommands(command, entry.commands ?? [], rest);
  }
}
