/**
 * Files that measure how long something takes, against a bound that a busy machine misses. They run
 * one after another when the parallel lanes are done.
 */
export const quietFiles: readonly string[] = [
  'test/conformance/subscribe-slow.conformance.ts',
  'test/correctness/holds-end.int.ts',
  'test/correctness/public-failures.e2e.ts',
  'test/drill/drills.e2e.ts',
  'test/e2e/alarm.e2e.ts',
  'test/e2e/outage.e2e.ts',
  'test/e2e/repeat-and-read.e2e.ts',
  'test/e2e/restarts.e2e.ts',
  'test/e2e/skip.e2e.ts',
  'test/embedded/file-lock.e2e.ts',
  'test/eventstore/grpc.int.ts',
  'test/http/deadline.int.ts',
  'test/infrastructure/eventstoredb-outage.int.ts',
  'test/instances/outages.e2e.ts',
  'test/load/cpu.int.ts',
];
