import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { PreparedBody } from '../queries/read-side.ts';
import { type Endpoint, isCommand } from './endpoint.ts';
import { endpoints } from './endpoints.ts';
import { headerNames } from './headers.ts';
import {
  commonParameters,
  describedHeaders,
  headersOf304,
  headersOfProblems,
  headersOfSuccess,
  protocolParameters,
} from './openapi-headers.ts';
import { neverOverHttp, type ProblemCode, problemKind, problemKinds } from './problems.ts';

type Json = { [name: string]: unknown };

/** Codes that any call with fields may answer. */
const fieldCodes: readonly ProblemCode[] = ['invalid-request', 'malformed-url'];
const bodyCodes: readonly ProblemCode[] = [
  'malformed-json',
  'body-too-large',
  'unsupported-media-type',
];

/** The codes that a call may refuse with. */
export function codesOf(call: Endpoint): ProblemCode[] {
  const takesFields = call.params ?? call.query ?? call.headers ?? call.body;
  return [
    ...(takesFields === undefined ? [] : fieldCodes),
    ...(call.body === undefined ? [] : bodyCodes),
    ...call.problems,
    ...(takes(call, 'idempotency-key') ? (['too-many-keys'] as const) : []),
    ...(call.revalidates ? (['too-many-lists'] as const) : []),
    ...(isCommand(call) ? (['sale-closed'] as const) : []),
    'internal-error',
    'no-answer-in-time',
  ];
}

/** The OpenAPI 3.1 document, made from the same schemas that check the requests. */
export function openapiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const call of endpoints) {
    paths[call.path] = { ...paths[call.path], [call.method]: operation(call) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Reprise',
      version: '1',
      description: 'Sells concert seats: wait, choose, reserve, pay.',
    },
    paths,
    components: {
      securitySchemes: {
        waitingToken: {
          type: 'apiKey',
          in: 'header',
          name: headerNames.authorizationwaiting,
          description: '`Bearer <token>`, with the token of the waiting status.',
        },
      },
      schemas: { Problem: schemaOf(problemSchema) },
      parameters: commonParameters,
      headers: describedHeaders(paths),
    },
  };
}

let madeBody: PreparedBody | undefined;

/** The document as every server of this process serves it; made once. */
export function openapiBody(): PreparedBody {
  if (madeBody === undefined) {
    const body = Buffer.from(JSON.stringify(openapiDocument()));
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
    madeBody = { body, etag };
  }
  return madeBody;
}

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(problemKinds).filter((code) => !neverOverHttp.includes(code))),
    instance: z.string().meta({ description: 'The request’s id.' }),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({ description: 'RFC 9457. `code` is stable; `errors` comes with invalid-request.' });

/**
 * The schema for a client: the input of a request, or an answer. Later versions may add members to
 * answers.
 */
function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

function operation(call: Endpoint): Json {
  return {
    operationId: call.name,
    summary: call.summary,
    ...(takes(call, 'authorizationwaiting') ? { security: [{ waitingToken: [] }] } : {}),
    parameters: [
      ...parameters('path', call.params),
      ...parameters('query', call.query),
      ...parameters('header', call.headers),
      ...protocolParameters(call),
    ],
    ...(call.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(call.body) } },
          },
        }),
    responses: { ...success(call), ...refusals(call) },
  };
}

const takes = (call: Endpoint, header: string): boolean => header in properties(call.headers);

function properties(schema: z.ZodType | undefined): Record<string, Json> {
  if (schema === undefined) return {};
  return (schemaOf(schema).properties ?? {}) as Record<string, Json>;
}

function parameters(where: 'path' | 'query' | 'header', schema: z.ZodType | undefined): Json[] {
  if (schema === undefined) return [];
  const required = (schemaOf(schema).required ?? []) as string[];
  return Object.entries(properties(schema))
    .filter(([name]) => name !== 'authorizationwaiting')
    .map(([name, { description, ...rest }]) => ({
      name: where === 'header' ? (headerNames[name] ?? name) : name,
      in: where,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }));
}

function success(call: Endpoint): Json {
  return {
    200: {
      description: 'Done.',
      headers: headersOfSuccess(call, takes(call, 'idempotency-key')),
      content: { [call.answerType ?? 'application/json']: { schema: schemaOf(call.answer) } },
    },
    ...(call.revalidates
      ? {
          304: {
            description: 'The list has not changed: its ETag is in If-None-Match.',
            headers: headersOf304(),
          },
        }
      : {}),
  };
}

/** One response per status. Its schema lists the codes of this status. */
function refusals(call: Endpoint): Json {
  const codesByStatus = new Map<number, ProblemCode[]>();
  for (const code of codesOf(call)) {
    const { status } = problemKind(code);
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...codesByStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => problemKind(code).title).join('; '),
        headers: headersOfProblems(codes, takes(call, 'idempotency-key')),
        content: {
          'application/problem+json': {
            schema: {
              allOf: [
                { $ref: '#/components/schemas/Problem' },
                { type: 'object', properties: { code: { enum: codes } } },
              ],
            },
          },
        },
      },
    ]),
  );
}
