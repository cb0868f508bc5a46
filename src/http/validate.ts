import assert from 'node:assert/strict';
import type { z } from 'zod';
import { headerNames } from './headers.ts';
import type { FieldError } from './problems.ts';

export type Part = 'params' | 'query' | 'headers' | 'body';

type Issue = z.core.$ZodIssue;

/**
 * Describes for people the problems of one part of a request: the first broken rule of each field.
 * It checks the part once more. So the first check of each request needs no words.
 */
export function fieldErrors(part: Part, given: unknown, schema: z.ZodType): FieldError[] {
  const { error } = schema.safeParse(given, inWords);
  assert(error, 'a part that was refused is refused again');
  const messages = new Map<string, string>();
  for (const issue of error.issues) {
    const field = fieldName(part, issue.path);
    if (messages.has(field)) continue;
    messages.set(field, message(part, valueAt(given, issue.path), issue));
  }
  return Array.from(messages, ([field, message]) => ({ field, message }));
}

function fieldName(part: Part, path: readonly PropertyKey[]): string {
  if (path.length === 0) return part;
  const name = path.map(String).join('.');
  return part === 'headers' ? (headerNames[name] ?? name) : name;
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  let value = given;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function message(part: Part, value: unknown, issue: Issue): string {
  if (issue.code === 'custom') return issue.message;
  if (value === undefined) return 'is required';
  if (part === 'query' && Array.isArray(value)) return 'must be given once';
  return issue.code === 'invalid_union' ? ofAlternatives(issue.errors.flat()) : issue.message;
}

/**
 * A broken rule says more than a wrong type. So if some alternatives fail by a rule, only their
 * messages are shown.
 */
function ofAlternatives(alternatives: readonly Issue[]): string {
  const rules = alternatives.filter((alternative) => typeInWords(alternative) === undefined);
  const shown = rules.length > 0 ? rules : alternatives;
  return [...new Set(shown.map((alternative) => alternative.message))].join(', or ');
}

const types: Readonly<Record<string, string>> = {
  array: 'must be a list',
  number: 'must be a number',
  object: 'must be a JSON object',
  string: 'must be text',
};

const typeInWords = (issue: { readonly code: string; readonly expected?: unknown }) =>
  issue.code === 'invalid_type' ? types[String(issue.expected)] : undefined;

/** Rules have their own messages. For wrong types, these messages replace Zod's. */
const inWords = { error: typeInWords };
