import { spawnSync } from 'node:child_process';

/**
 * What runs a program as in a container of its own on the same disk: process ids, shared memory,
 * mounts, host name.
 */
const unshare = ['unshare', '--pid', '--ipc', '--mount', '--uts', '--fork', '--mount-proc'];
const killChild = '--kill-child';

/**
 * Puts a program into name spaces of its own. What is killed with SIGKILL there, or here by
 * `unshare`, ends with all of it.
 */
export const elsewhere = (...command: readonly string[]): string[] => [
  ...unshare,
  killChild,
  ...command,
];

/** Whether this user may do that here. */
export function canLiveElsewhere(): boolean {
  const [file = '', ...args] = elsewhere('true');
  return spawnSync(file, args).status === 0;
}
