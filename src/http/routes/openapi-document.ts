import { z } from 'zod';
import { prepared } from '../answer.ts';
import { endpoint } from '../endpoint.ts';

export const openapiDocument = endpoint({
  name: 'openapiDocument',
  method: 'get',
  path: '/openapi.json',
  summary: 'This document.',
  answer: z.looseObject({ openapi: z.string() }),
  revalidates: true,
  problems: [],
  handle: ({ document }) => prepared(document),
});
