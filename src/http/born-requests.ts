import { IncomingMessage, type ServerOptions, ServerResponse } from 'node:http';
import type { Express } from 'express';

/**
 * From this major version of Node on, a change of a request's prototype has no cost that we can
 * measure.
 */
const cheapPrototypesSince = 24;

/**
 * Options for `http.createServer` that create requests and responses with the app's prototypes.
 * Express gives every request and response the app's prototype by `Object.setPrototypeOf`. Then V8
 * loses what it knows about their shape. Before Node 24, this costs two thirds of the speed. It
 * costs nothing to set a prototype that the object already has.
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
