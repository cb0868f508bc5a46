import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { expect } from 'chai';
import {
  inSpan,
  isTraceparent,
  linksMax,
  requestSpan,
  traceparentOf,
} from '../../src/tracing/spans.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
const numbered = (n: number) => `00-${traceId}-${String(n + 1).padStart(16, '0')}-01`;

describe('spans', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

  afterEach(() => exporter.reset());
  after(() => provider.shutdown());

  const only = () => {
    const [span, ...more] = exporter.getFinishedSpans();
    if (span === undefined) throw new Error('no span was recorded');
    expect(more).to.deep.equal([]);
    return span;
  };

  // First: a tracer keeps the SDK that was registered.
  it('without an SDK nothing is recorded, and the traceparent of the client goes on', async () => {
    expect(traceparentOf(requestSpan(traceparent))).to.equal(undefined);
    expect(await inSpan('work', { attributes: {} }, async () => 7)).to.equal(7);
    expect(exporter.getFinishedSpans()).to.deep.equal([]);
    provider.register();
  });

  it('a request is under the client’s span, and what it causes is under the request', async () => {
    const request = requestSpan(traceparent);
    const own = traceparentOf(request);
    request.end();
    expect(own).to.match(new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
    expect(only().parentSpanContext?.spanId).to.equal('00f067aa0ba902b7');
    exporter.reset();
    await inSpan('work', { parent: own, attributes: { n: 1 } }, async () => {});
    expect(only().parentSpanContext?.spanId).to.equal(request.spanContext().spanId);
    expect(only().attributes).to.deep.equal({ n: 1 });
  });

  it('a span has the error of its work, which is thrown on', async () => {
    const failing = inSpan('work', { attributes: {} }, async () => {
      throw new Error('the store is away');
    });
    expect(await failing.catch((error: Error) => error.message)).to.equal('the store is away');
    expect(only().status.code).to.equal(2);
    expect(only().events[0]?.attributes?.['exception.message']).to.equal('the store is away');
  });

  it('links each stored traceparent once, a bounded number of them, and none that is no such thing', async () => {
    const stored = [undefined, 7, 'abc', numbered(0), numbered(0), numbered(1)];
    await inSpan('batch', { attributes: {}, links: stored }, async () => {});
    expect(only().links.map(({ context }) => Number(context.spanId))).to.deep.equal([1, 2]);
    exporter.reset();
    const many = Array.from({ length: linksMax + 10 }, (_, n) => numbered(n));
    await inSpan('batch', { attributes: {}, links: many }, async () => {});
    expect(only().links).to.have.lengthOf(linksMax);
  });

  it('the span of the first command is the parent of its append, and no link of it', async () => {
    const work = { parent: numbered(0), attributes: {}, links: [numbered(0), numbered(1)] };
    await inSpan('append', work, async () => {});
    expect(only().links.map(({ context }) => Number(context.spanId))).to.deep.equal([2]);
  });

  it('a traceparent has the form of W3C Trace Context', () => {
    expect(isTraceparent(traceparent)).to.equal(true);
    for (const wrong of [
      ...[undefined, ['a'], '', traceparent.toUpperCase(), `${traceparent}-00`],
      ...[`ff${traceparent.slice(2)}`, `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
      `00-${traceId}-${'0'.repeat(16)}-01`,
    ]) {
      expect(isTraceparent(wrong), String(wrong)).to.equal(false);
    }
  });
});
