import { z } from 'zod';
import { type DomainEvent, type EventType, eventSchemas } from './events.ts';

/**
 * Rules for new events. An event must be readable for its readers. For text that people see, these
 * rules are stricter than the readers' rules, because older logs have text from before these rules.
 */

/** Only invisible characters: white space, format and control characters. */
const blank = /^[\s\p{Z}\p{Cc}\p{Cf}]*$/u;

/** Half of a character. With the `u` flag, a complete pair does not match. */
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
 * Why no reader could read this event, with the place in its data; undefined if readers can. It
 * uses the same schemas as `codec.ts`. So the log gets no event that would be parked.
 */
export function whyNotWritable({ type, data }: DomainEvent): string | undefined {
  const parsed = (stricter[type] ?? eventSchemas[type]).safeParse(data);
  if (parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  return `${[type, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'malformed'}`;
}
