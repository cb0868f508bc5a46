import {
  type Attributes,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** Without an SDK in this process, every span is empty and costs almost nothing. */
const tracer = trace.getTracer('reprise');

/** The largest number of links of one span. A batch may have events of thousands of requests. */
export const linksMax = 32;

/** Version, trace id, parent id, flags (W3C Trace Context): no version ff, no ids of zeros. */
const pattern = /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})$/;

/** Is it a `traceparent` as W3C Trace Context defines it? */
export const isTraceparent = (text: unknown): text is string =>
  typeof text === 'string' && pattern.test(text);

function spanContextOf(traceparent: unknown): SpanContext | undefined {
  if (typeof traceparent !== 'string') return undefined;
  const [, traceId, spanId, flags] = pattern.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags ?? '0', 16), isRemote: true };
}

function under(traceparent: unknown): Context {
  const parent = spanContextOf(traceparent);
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

/**
 * Begins the span of a request. The span ends with the answer.
 * @param traceparent the client's, if it sent one
 */
export const requestSpan = (traceparent: string | undefined): Span =>
  tracer.startSpan('request', { kind: SpanKind.SERVER }, under(traceparent));

/**
 * The span's `traceparent`, for the work that it causes. Undefined if the span is not recorded;
 * then the earlier `traceparent` is used.
 */
export function traceparentOf(span: Span): string | undefined {
  if (!span.isRecording()) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

interface Work {
  /** The `traceparent` of the parent. Without one, the span begins its own trace. */
  readonly parent?: string | undefined;
  readonly attributes: Attributes;
  /** Stored `traceparent`s of its events. The first `linksMax` different ones are linked. */
  readonly links?: Iterable<unknown>;
}

/** Does work within a span. If the work throws, the span has the error. */
export function inSpan<T>(
  name: string,
  { parent, attributes, links = [] }: Work,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes }, under(parent));
  if (!span.isRecording()) return work(span);
  for (const link of linksOf(links, parent)) span.addLink(link);
  return recorded(span, work);
}

async function recorded<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } catch (error) {
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

function linksOf(traceparents: Iterable<unknown>, parent: string | undefined): Link[] {
  const links = new Map<string, Link>();
  for (const one of traceparents) {
    if (links.size === linksMax) break;
    const context = spanContextOf(one);
    if (context !== undefined && one !== parent) links.set(String(one), { context });
  }
  return [...links.values()];
}
