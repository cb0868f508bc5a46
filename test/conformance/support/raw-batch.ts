import { randomUUID } from 'node:crypto';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb, {
  type BatchAppendReq,
  type BatchAppendResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import { type ClientDuplexStream, Metadata, type StatusObject } from '@grpc/grpc-js';
import googleEmpty from 'google-protobuf/google/protobuf/empty_pb.js';
import protobuf from 'protobufjs/minimal.js';
import { eventually } from '../../support/eventually.ts';
import { type RawClient, uuidText } from './raw.ts';

const { Options, ProposedMessage } = streamsPb.BatchAppendReq;

/** One message of a batch append stream, to be changed into what the case is about. */
export interface Chunk {
  readonly correlationId: string;
  /** Undefined: the message has no options, as every one but the first of an append. */
  readonly stream?: string | undefined;
  readonly events: readonly BatchAppendReq.ProposedMessage[];
  readonly isFinal: boolean;
  readonly options?: (options: BatchAppendReq.Options) => void;
  /** Fields of the options that the client's classes do not know, as bytes. */
  readonly moreOptions?: Uint8Array;
}

/** A batch append stream without the client between, which answers are matched to nothing on. */
export class RawBatch {
  readonly answers: BatchAppendResp[] = [];
  status: StatusObject | undefined;
  readonly #call: ClientDuplexStream<Buffer, BatchAppendResp>;

  constructor(raw: RawClient) {
    const { path, responseDeserialize } = StreamsService.batchAppend;
    this.#call = raw.streams.makeBidiStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      responseDeserialize,
      new Metadata(),
      {},
    );
    this.#call.on('data', (answer: BatchAppendResp) => this.answers.push(answer));
    this.#call.on('status', (status) => {
      this.status = status;
    });
    this.#call.on('error', () => {}); // `status` has it
  }

  send({ correlationId, stream, events, isFinal, options, moreOptions }: Chunk): void {
    const request = new streamsPb.BatchAppendReq();
    request.setCorrelationId(uuid(correlationId));
    let optionsBytes: Buffer | undefined;
    if (stream !== undefined) {
      const made = new Options();
      const identifier = new sharedPb.StreamIdentifier();
      identifier.setStreamName(Buffer.from(stream).toString('base64'));
      made.setStreamIdentifier(identifier);
      made.setAny(new googleEmpty.Empty());
      options?.(made);
      optionsBytes = Buffer.concat([made.serializeBinary(), moreOptions ?? Buffer.alloc(0)]);
    }
    request.setProposedMessagesList([...events]);
    request.setIsFinal(isFinal);
    // The options as field 2, after everything else.
    const tagged = protobuf.Writer.create().uint32(2 * 8 + 2);
    const rest = optionsBytes ? tagged.bytes(optionsBytes).finish() : Buffer.alloc(0);
    this.#call.write(Buffer.concat([request.serializeBinary(), rest]));
  }

  /** What was answered to an append: "written" with its revision, or the name of the error. */
  answersTo(correlationId: string): string[] {
    return this.answers
      .filter((answer) => idOf(answer.getCorrelationId()) === correlationId)
      .map((answer) => {
        const type = answer.getError()?.getDetails()?.getTypeName();
        if (type !== undefined) return type.replace('event_store.client.', '');
        return `written ${answer.getSuccess()?.getCurrentRevision()}`;
      });
  }

  async answer(correlationId: string): Promise<string> {
    return eventually(
      `an answer (${this.status?.details})`,
      () => this.answersTo(correlationId)[0],
      10_000,
    );
  }

  cancel(): void {
    this.#call.cancel();
  }
}

/** A UUID in either of its forms: a real server answers what it gave up in the other one. */
function idOf(id: sharedPb.UUID | undefined): string | undefined {
  const structured = id?.getStructured();
  if (structured === undefined) return id?.getString();
  return uuidText(structured.getMostSignificantBits(), structured.getLeastSignificantBits());
}

function uuid(id: string): sharedPb.UUID {
  const made = new sharedPb.UUID();
  made.setString(id);
  return made;
}

export function proposed(
  change: (event: BatchAppendReq.ProposedMessage) => void = () => {},
): BatchAppendReq.ProposedMessage {
  const event = new ProposedMessage();
  event.setId(uuid(randomUUID()));
  event.getMetadataMap().set('type', 'Happened').set('content-type', 'application/json');
  event.setData(Buffer.from('{}').toString('base64'));
  change(event);
  return event;
}

export function withId(id: string): (event: BatchAppendReq.ProposedMessage) => void {
  return (event) => event.setId(uuid(id));
}

/** The deadline in the form of a Duration, field 7 of the options. */
export function deadlineIn(seconds: number): Uint8Array {
  const duration = protobuf.Writer.create()
    .uint32(1 * 8)
    .int64(seconds)
    .finish();
  return protobuf.Writer.create()
    .uint32(7 * 8 + 2)
    .bytes(duration)
    .finish();
}
