// Records the spans of a service and sends them to a collector by OTLP over HTTP:
//   OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 node --import ./examples/tracing/register.mjs bin/reprise.js serve
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const exporter = new OTLPTraceExporter();
const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 500 });
new NodeTracerProvider({ spanProcessors: [processor] }).register();
