import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { migrationNames } from '../../migrations/migrate.ts';
import { type EventType, eventSchemas } from '../events/events.ts';
import { ownPrefixes } from '../events/streams.ts';
import { versionOf } from '../events/upcasters.ts';
import { projections } from '../projections/models/registry.ts';

const contractSchema = z.object({
  reprise: z.literal('contract'),
  format: z.literal(1),
  version: z.string(),
  /** The newest version of each event type that it reads; it writes these, or older ones. */
  events: z.record(z.string(), z.number().int().min(1)),
  /** The prefixes of the streams that it reads. It ignores all other streams. */
  streams: z.array(z.string()),
  /** Version of each read model. */
  readModels: z.record(z.string(), z.number().int().min(1)),
  /** In their order. */
  migrations: z.array(z.string()),
});

/** Everything that a version of the service reads and writes. */
export type Contract = z.infer<typeof contractSchema>;

/** Of this version. */
export function ownContract(version: string): Contract {
  const types = Object.keys(eventSchemas).sort() as EventType[];
  return {
    ...{ reprise: 'contract', format: 1, version },
    events: Object.fromEntries(types.map((type) => [type, versionOf(type)])),
    streams: [...ownPrefixes].sort(),
    readModels: Object.fromEntries(projections.map(({ name, version: is }) => [name, is])),
    migrations: [...migrationNames],
  };
}

/** Two versions with the same hash read and write the same. */
export function contractHash({ version: _, ...rest }: Contract): string {
  return createHash('sha256').update(JSON.stringify(rest)).digest('hex');
}

/** The folder with the contracts of released versions and of the next one. */
const folder = new URL('../../ops/contracts/', import.meta.url);

/**
 * The contract of a released version, or in a file.
 * @param name `0.1.0`, or the path of a file that `reprise contract --json` wrote
 * @throws Error with a message for people
 */
export async function readContract(name: string): Promise<Contract> {
  const isVersion = /^v?\d+\.\d+\.\d+$/.test(name);
  const place = isVersion ? new URL(`${name.replace(/^v/, '')}.json`, folder) : name;
  const text = await readFile(place, 'utf8').catch((error: Error) => {
    throw new Error(
      isVersion
        ? `the contract of ${name} is not known here: run that version (reprise contract --json > contract.json), ` +
            'and name the file'
        : `${name} cannot be read (${error.message})`,
    );
  });
  try {
    return contractSchema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${name} is no contract of this form: see reprise contract --json`);
  }
}
