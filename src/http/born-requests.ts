import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http';
import type { Express } from 'express';

/**
 * From this major version of Node on, changing a request's prototype costs nothing that can be
 * measured.
 */
const cheapPrototypesSince = 24;

/**
 * Options for `http.createServer` under which requests and responses are born with the app's
 * prototypes. Express gives every request and response the app's prototype by
 * `Object.setPrototypeOf`, which makes V8 forget what it knew of their shape and costs two thirds
 * of the speed on Node before 24; setting the prototype that is there already is free.
 */
export function bornRequests(
  app: Express,
  nodeMajor: number = Number.parseInt(process.versions.node, 10),
): Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'> {
  if (nodeMajor >= cheapPrototypesSince) return {};

  class BornRequest extends IncomingMessage {}
  class BornResponse<R extends IncomingMessage> extends ServerResponse<R> {}
  Object.setPrototypeOf(BornRequest.prototype, app.request);
  Object.setPrototypeOf(BornResponse.prototype, app.response);
  Object.assign(app, { request: BornRequest.prototype, response: BornResponse.prototype });
  return {
    IncomingMessage: BornRequest as typeof IncomingMessage,
    ServerResponse: BornResponse as typeof ServerResponse,
  };
}
