import { expect } from 'chai';
import { z } from 'zod';
import { openapiDocument } from '../../../src/http/openapi.ts';

type Json = { readonly [name: string]: unknown };
type Paths = Record<string, Record<string, Operation>>;

interface Operation extends Json {
  readonly responses: Record<
    string,
    {
      readonly headers: Record<string, { readonly $ref: string }>;
      readonly content?: Record<string, { schema: Json }>;
    }
  >;
}

const document = openapiDocument() as {
  paths: Paths;
  components: {
    schemas: { Problem: Json };
    headers: Record<string, { readonly required?: boolean }>;
  };
};

const templates = Object.keys(document.paths).map((path) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}));

const schemas = new Map<unknown, z.ZodType>();

/**
 * The document's own schema as a check. Objects are closed: an answer has no member that the
 * document does not name.
 */
function check(schema: Json, closed: boolean): z.ZodType {
  const known = schemas.get(schema);
  if (known !== undefined) return known;
  const made = z.fromJSONSchema((closed ? close(schema) : schema) as never);
  schemas.set(schema, made);
  return made;
}

function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== 'object' || schema === null) return schema;
  const parts = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, close(value)]),
  );
  const isObject = parts.type === 'object' && parts.properties !== undefined;
  return isObject ? { additionalProperties: false, ...parts } : parts;
}

/** Headers of HTTP itself, and those that a document describes elsewhere. */
const notOurs = [
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
];

export interface DocumentedHeader {
  readonly name: string;
  readonly isRequired: boolean;
}

/** By template, verb and status. Tests ask for them with each of thousands of answers. */
const headersOf = new Map<string, readonly DocumentedHeader[]>();

/** The headers that the document has for an operation's answers of a status. */
export function documentedHeaders(
  template: string,
  verb: string,
  status: number,
): readonly DocumentedHeader[] {
  const answer = `${template} ${verb} ${status}`;
  const known = headersOf.get(answer);
  if (known !== undefined) return known;
  const described = document.paths[template]?.[verb]?.responses[status]?.headers ?? {};
  const headers = Object.entries(described).map(([name, { $ref }]): DocumentedHeader => {
    const component = document.components.headers[$ref.slice('#/components/headers/'.length)];
    expect(component, $ref).to.be.an('object');
    return { name: name.toLowerCase(), isRequired: component?.required === true };
  });
  headersOf.set(answer, headers);
  return headers;
}

export const documentedStatuses = (template: string, verb: string): number[] =>
  Object.keys(document.paths[template]?.[verb]?.responses ?? {}).map(Number);

/** The headers of an answer that are the service's own, by their lower-case names. */
export const ownHeaders = (headers: Headers): string[] =>
  [...headers.keys()].filter((name) => !notOurs.includes(name));

/**
 * Fails unless the answer has every header that is always there, and none that the document does
 * not have.
 */
function expectHeaders(
  documented: readonly DocumentedHeader[],
  headers: Headers,
  what: string,
): void {
  const own = ownHeaders(headers);
  const required = documented.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  expect(own, what).to.include.members(required);
  expect(
    documented.map(({ name }) => name),
    what,
  ).to.include.members(own);
}

/**
 * Fails unless the OpenAPI document has this answer: its status, its media type, its headers, its
 * shape, its code.
 */
export function expectDocumented(
  method: string,
  path: string,
  answer: {
    status: number;
    type: string | null;
    headers: Headers;
    requestId: string | null;
    body: string;
    replayed: boolean;
  },
): void {
  const isProblem = answer.status >= 400;
  if (isProblem) expectProblem(answer);
  const template = templates.find(({ pattern }) => pattern.test(path))?.path ?? '';
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const operation = document.paths[template]?.[verb];
  const takesNoHead = method === 'HEAD' && answer.status === 405;
  if (operation === undefined || takesNoHead) {
    expect(answer.status, `${method} ${path} is not in the document`).to.be.oneOf([404, 405, 204]);
    return;
  }
  const response = operation.responses[answer.status];
  expect(response, `${method} ${path}: ${answer.status} is not in the document`).to.be.an('object');
  const what = `${method} ${path}: ${answer.status}`;
  expectHeaders(documentedHeaders(template, verb, answer.status), answer.headers, what);
  const media = isProblem ? 'application/problem+json' : 'application/json';
  const schema = response?.content?.[media]?.schema;
  if (answer.body === '' || schema === undefined) return;
  const value = JSON.parse(answer.body);
  if (isProblem) {
    const codes = (schema as { allOf: [unknown, { properties: { code: { enum: string[] } } }] })
      .allOf[1].properties.code.enum;
    expect(codes, `${method} ${path}`).to.include(value.code);
  } else {
    expect(answer.type).to.equal(media);
    const parsed = check(schema, true).safeParse(value);
    expect(parsed.error?.issues, `${method} ${path}: ${answer.body}`).to.equal(undefined);
  }
}

/** Fails unless it is a whole problem of RFC 9457 that names its request and leaks no stack. */
export function expectProblem(answer: {
  status: number;
  type: string | null;
  requestId: string | null;
  body: string;
  /** Given before: it names the request that it was first given to. */
  replayed?: boolean;
}): void {
  expect(answer.type).to.equal('application/problem+json');
  expect(answer.body).to.not.match(/\.ts:|\.js:|node_modules| {4}at /);
  if (answer.body === '') return;
  const value = JSON.parse(answer.body);
  const parsed = check(document.components.schemas.Problem, false).safeParse(value);
  expect(parsed.error?.issues, answer.body).to.equal(undefined);
  expect(value.status).to.equal(answer.status);
  if (!answer.replayed) expect(value.instance).to.equal(answer.requestId);
}
