import { fileURLToPath } from 'node:url';
import { importCatalogWith, type Running, startCommand } from '../../../src/drill/run-reprise.ts';

/** The program under test. */
export const bin = fileURLToPath(new URL('../../../bin/reprise.js', import.meta.url));

/** Starts `reprise …`, with these settings and none that the test run may have. */
export const startReprise = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running => startCommand(bin, args, env);

/** Runs `reprise …` to its end, with these settings and none that the test run may have. */
export const reprise = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running['done'] => startReprise(args, env).done;

/**
 * Imports a catalog into a service's log. @throws Error with what the command said when it failed
 */
export const importCatalog = (
  catalog: unknown,
  env: Readonly<Record<string, string>>,
): Promise<string> => importCatalogWith(bin, catalog, env);
