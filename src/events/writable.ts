import { z } from 'zod';
import { type DomainEvent, type EventType, eventSchemas } from './events.ts';

/**
 * What may be written from now on: what its readers take. Text that people see has more rules than
 * its readers ask for, because logs have some that was taken before there were any.
 */

/** Only invisible characters: white space, format and control characters. */
const blank = /^[\s\p{Z}\p{Cc}\p{Cf}]*$/u;

/** Half a character: with the `u` flag a whole pair is no surrogate. */
const loneSurrogate = /\p{Surrogate}/u;

/** Text that lists show and that PostgreSQL keeps as it is. */
export const shownText = z
  .string()
  .refine((text) => !blank.test(text), { error: 'must not be blank', abort: true })
  .refine((text) => !text.includes('\0'), 'must not have the character NUL')
  .refine(
    (text) => !loneSurrogate.test(text),
    'must not have half a character (a surrogate without the other one)',
  );

const details = eventSchemas.ConcertRegistered.extend({
  title: shownText,
  venue: shownText.optional(),
});

const stricter: { readonly [T in EventType]?: z.ZodType } = {
  ConcertRegistered: details,
  ConcertRevised: details,
};

/**
 * Why an event would not be read again as it is, with the place in its data; undefined when it
 * would. By the schemas that `codec.ts` reads with, so nothing gets into the log that is parked
 * when it comes out.
 */
export function whyNotWritable({ type, data }: DomainEvent): string | undefined {
  const parsed = (stricter[type] ?? eventSchemas[type]).safeParse(data);
  if (parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  return `${[type, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'malformed'}`;
}
