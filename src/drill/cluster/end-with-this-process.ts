import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * A shell that waits until this process is gone, even by SIGKILL, and then kills a process that we
 * started and removes its directory, and the one above when that is empty: reading its standard
 * input ends with us. It has a group of its own, so that Ctrl-C does not end it first.
 */
export function endWithThisProcess(
  pid: number | undefined,
  directory: string,
): ChildProcess | undefined {
  if (pid === undefined) return undefined;
  const script = 'read -r _; kill -KILL "$1"; sleep 1; rm -rf -- "$2"; rmdir -- "$(dirname "$2")"';
  const watch = spawn('sh', ['-c', script, 'sh', `${pid}`, directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watch.unref();
  watch.on('error', () => {});
  // Neither it nor the pipe to it keeps mocha from ending.
  (watch.stdin as Socket).unref();
  return watch;
}
