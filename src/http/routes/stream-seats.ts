import { z } from 'zod';
import { noSession } from '../../commands/core/result.ts';
import { problem, refused, text } from '../answer.ts';
import { endpoint, epochOf } from '../endpoint.ts';
import { drawn } from '../event-source.ts';
import { httpLimits } from '../limits.ts';
import { etagFor } from '../negotiate.ts';
import { concertIdField, sessionIdField } from '../schemas.ts';
import { cancelledMessage } from '../seat-streams.ts';
import { positionOf, tellPosition, toldPosition } from '../told-position.ts';

const lastEventId = toldPosition('must be an id as the stream gave it').optional().meta({
  description:
    'The last id that the client received. The service first sends the changes after it.',
});

export const streamSeats = endpoint({
  name: 'streamSeats',
  method: 'get',
  path: '/concert/{concertId}/seat/stream',
  summary:
    'Server-sent events: the version of the session’s seat list, then each seat that becomes free or taken. A cancelled session sends the event `cancelled` and ends.',
  params: z.object({ concertId: concertIdField }),
  query: z.object({ sessionId: sessionIdField }),
  headers: z.object({
    'last-event-id': lastEventId,
    'accept-encoding': z.string().optional().meta({
      description: 'As for the seat list: the ETag belongs to the coding that this header selects.',
    }),
  }),
  answer: z.string(),
  answerType: 'text/event-stream',
  problems: ['session-not-found', 'too-many-streams', 'read-side-unavailable'],
  async handle(api, { params: { concertId }, query: { sessionId }, headers }) {
    const told = headers['last-event-id'];
    const { reads, seatStreams } = api;
    const lastId = positionOf(told, epochOf(api));
    // The client may have got the id from another instance, which was ahead of this one.
    const isKnown =
      lastId === undefined || (await reads.reached(lastId, httpLimits.readSideWaitMs));
    const stream = seatStreams.open(sessionId);
    if (stream === undefined) {
      return problem('too-many-streams', {
        detail: 'Request the seat list instead, or try again later.',
      });
    }
    try {
      const position = seatStreams.position();
      const missed =
        lastId !== undefined && isKnown ? seatStreams.missed(sessionId, lastId) : undefined;
      const seats = await reads.seats(concertId, sessionId);
      if (seats === undefined) {
        stream.end();
        return refused(noSession(sessionId, concertId).refusal);
      }
      if (seatStreams.isCancelled(sessionId)) {
        stream.end();
        return text('text/event-stream', cancelledMessage);
      }
      // The same client requests the list, so with the same header.
      const etag = etagFor(seats, headers['accept-encoding'], epochOf(api));
      const version = `id: ${tellPosition(position, epochOf(api))}\nevent: ${told === undefined ? 'version' : 'reset'}\ndata: ${JSON.stringify({ etag })}\n\n`;
      return {
        kind: 'stream',
        stream,
        first: `retry: ${drawn(httpLimits.seatStreamRetryMs)}\n\n${missed ?? version}`,
      };
    } catch (error) {
      stream.end();
      throw error;
    }
  },
});
