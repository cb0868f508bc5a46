import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { memberTwice } from '../commands/core/json-text.ts';
import { type Answer, problem } from './answer.ts';
import { httpLimits } from './limits.ts';

export type JsonBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly refusal: Answer };

const refuse = (refusal: Answer): JsonBody => ({ ok: false, refusal });

/**
 * Reads a request's JSON body: `application/json` in UTF-8, not compressed, at most `bodyBytesMax`.
 * Never rejects: a faulty body gives a refusal. `bench/http.ts` compares it with `express.json`.
 */
export async function readJson(req: IncomingMessage): Promise<JsonBody> {
  const unsupported = unsupportedMedia(req);
  if (unsupported !== undefined) {
    return refuse(problem('unsupported-media-type', { detail: unsupported }));
  }
  const announced = Number(req.headers['content-length'] ?? 0);
  if (announced > httpLimits.bodyBytesMax) return refuse(tooLarge(announced));
  const body = await readAll(req);
  if (body === 'too-large') return refuse(tooLarge(undefined));
  if (body === 'cut-off') {
    return refuse(problem('malformed-json', { detail: 'The body was cut off.' }));
  }
  if (!isUtf8(body)) {
    return refuse(problem('malformed-json', { detail: 'The body is not UTF-8.' }));
  }
  const text = body.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const detail = body.length === 0 ? 'A JSON body is required.' : 'The body cannot be parsed.';
    return refuse(problem('malformed-json', { detail }));
  }
  const field = memberTwice(text);
  return field === undefined ? { ok: true, value } : refuse(givenTwice(field));
}

/** Why the service refuses the body's type or coding; undefined if it accepts both. */
function unsupportedMedia(req: IncomingMessage): string | undefined {
  const coding = req.headers['content-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    return 'Content-Encoding must be absent: the service does not accept compressed bodies.';
  }
  const type = req.headers['content-type'];
  if (type === 'application/json') return undefined;
  const [essence, ...parameters] = (type ?? '').toLowerCase().split(';');
  if (essence?.trim() !== 'application/json') return 'Content-Type must be application/json.';
  const charset = parameters.find((parameter) => parameter.trim().startsWith('charset'));
  if (charset !== undefined && !/^charset\s*=\s*"?utf-?8"?$/.test(charset.trim())) {
    return 'The charset must be utf-8.';
  }
  return undefined;
}

/** Nobody can know which of the two values the client means. */
function givenTwice(field: string): Answer {
  const message = 'must be given once';
  return problem('invalid-request', {
    detail: `${field} ${message}`,
    errors: [{ field, message }],
  });
}

/**
 * The service does not read a body of unknown or enormous size. The connection ends after the
 * answer.
 */
function tooLarge(announced: number | undefined): Answer {
  const drained = announced !== undefined && announced <= httpLimits.bodyDrainBytesMax;
  const detail = `A body may have at most ${httpLimits.bodyBytesMax} bytes.`;
  return problem('body-too-large', { detail }, drained ? {} : { Connection: 'close' });
}

function readAll(req: IncomingMessage): Promise<Buffer | 'too-large' | 'cut-off'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > httpLimits.bodyBytesMax) resolve('too-large');
      else chunks.push(chunk);
    });
    req.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)),
    );
    req.on('error', () => resolve('cut-off'));
    req.on('close', () => resolve('cut-off'));
  });
}
