import { resolve } from 'node:path';
import {
  faultOf,
  type Image,
  imagesIn,
  makeImage,
  removeImages,
  withCopy,
} from '../backup/images.ts';
import type { Config } from '../config.ts';
import { writeImage } from '../infrastructure/eventstoredb/image-call.ts';
import { connectRawLog } from '../infrastructure/raw-log.ts';
import { borrowEventStore, logMustExist } from '../servers/servers.ts';
import { describeVerdict, verdictToJson } from '../verify/describe.ts';
import { type Verdict, verify } from '../verify/verify-log.ts';
import { describeImage } from './image-lines.ts';
import { version } from './version.ts';

/** `reprise backup image`. @throws Error with a message for people */
export async function backupImage(
  config: Config,
  parent: string,
  { keep }: { readonly keep?: number },
): Promise<void> {
  mustBeEmbedded(config);
  await logMustExist(config);
  const server = await borrowEventStore(config);
  console.log(`log: ${server.where}`);
  try {
    const image = await makeImage(resolve(parent), version, (path) => writeImage(server.url, path));
    console.log(describeImage(image));
  } finally {
    await server.stop();
  }
  if (keep === undefined) return;
  const gone = (await imagesIn(parent)).slice(0, -keep);
  for (const { id } of gone) console.log(`removed: ${id}`);
  await removeImages(gone);
}

export function mustBeEmbedded({ eventStoreUrl }: Config): void {
  if (eventStoreUrl === undefined) return;
  throw new Error(
    'EVENTSTORE_URL is set, but only the embedded event store has images: use reprise backup create, ' +
      'and the backup of the server itself (docs/eventstoredb.md)',
  );
}

/**
 * Opens a copy of an image and proves its log. Sets the exit code: 0 no fault, 1 faults.
 * @throws Error with a message for people when the image cannot be used
 */
export async function verifyImage(
  config: Config,
  parent: string,
  image: Image,
  isJson: boolean,
): Promise<void> {
  const fault = await faultOf(image);
  if (fault !== undefined) {
    const { directory } = image;
    const json = JSON.stringify({ directory, whole: false, fault }, null, 2);
    console.log(isJson ? json : `image       ${directory}\nNOT COMPLETE: ${fault}`);
    process.exitCode = 1;
    return;
  }
  const proof = await withCopy(parent, image, async (dataDir) => {
    const { eventStoreUrl: _, ...embedded } = config;
    const server = await borrowEventStore({ ...embedded, dataDir, eventStoreUrl: undefined });
    try {
      await mustEndAs(image, server.url);
      return await verify({ eventStoreUrl: server.url, asOf: 'log-end' });
    } finally {
      await server.stop();
    }
  });
  console.log(isJson ? verdictJson(image, proof) : verdictText(image, proof));
  process.exitCode = proof.violations.total === 0 ? 0 : 1;
}

async function mustEndAs({ directory, manifest }: Image, url: string): Promise<void> {
  const log = connectRawLog(url);
  try {
    const newest = await log.newest();
    if (String(newest?.position) === manifest?.lastPosition) return;
    const found = `ends at position ${newest?.position}, but its manifest says ${manifest?.lastPosition}`;
    throw new Error(`${directory} ${found}`);
  } finally {
    log.close();
  }
}

const verdictText = (image: Image, proof: Verdict): string =>
  [
    `image       ${image.directory}: ${image.manifest?.events} events`,
    'complete: the file is unchanged, and an event store opens it',
    describeVerdict(proof),
  ].join('\n');

const verdictJson = ({ directory, manifest }: Image, proof: Verdict): string =>
  JSON.stringify({ directory, whole: true, image: manifest, proof: verdictToJson(proof) }, null, 2);
