import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { z } from 'zod';
import { createClient, insideOf } from './client.ts';

/** The content of an image of the embedded event store. */
const contentSchema = z.object({
  events: z.number().int().min(1),
  lastPosition: z.string().regex(/^[0-9]{1,19}$/),
  lastEventId: z.string(),
  lastCreatedAt: z.iso.datetime(),
});
export type ImageContent = z.infer<typeof contentSchema>;

/** Time limit, in milliseconds. A log of 100 GB takes minutes. */
const imageMs = 3_600_000;

/**
 * Has the embedded event store write an image of its log while it runs.
 * @param url of the running store, with its credentials
 * @param path absolute, of the file to be made, on the store's machine
 * @throws Error with the store's message: the disk is full, or it is another event store
 */
export async function writeImage(url: string, path: string): Promise<ImageContent> {
  const client = createClient(url);
  try {
    const inside = insideOf(client);
    const call = await inside.GRPCStreamCreator(StreamsClient, 'read', (service) => {
      const [metadata, options] = inside.callArguments({}, { deadline: Date.now() + imageMs });
      return service.makeServerStreamRequest(
        '/reprise.embedded.Image/Write',
        (text: string) => Buffer.from(text),
        (bytes) => contentSchema.parse(JSON.parse(bytes.toString())),
        JSON.stringify({ path }),
        metadata,
        options,
      );
    })();
    for await (const content of call) return content as ImageContent;
    throw new Error('the event store said nothing');
  } finally {
    await client.dispose();
  }
}
