import { z } from 'zod';
import type { RequestSample } from './request-facts.ts';

/** A line of the service's own log about a request. Other lines are ignored. */
const requestLine = z.object({
  time: z.iso.datetime(),
  status: z.number().int(),
  code: z.string().optional(),
  /** Failures of the same kind since the previous line. */
  count: z.number().int().optional(),
  msg: z.string(),
});

/**
 * Failed requests in the log lines of a service (`LOG_LEVEL=info`). The service logs one line per
 * second and kind of refusal, with their number. So the last refusals before its end are missing.
 * @param lines the lines of the service. Lines that are not JSON are ignored
 */
export async function samplesOfServiceLog(lines: AsyncIterable<string>): Promise<RequestSample[]> {
  const samples: RequestSample[] = [];
  for await (const line of lines) {
    if (!line.startsWith('{')) continue;
    const parsed = requestLine.safeParse(jsonOf(line));
    if (!parsed.success) continue;
    const { time, status, code, count = 1, msg } = parsed.data;
    const atMs = Date.parse(time);
    const isFailed = status >= 500;
    const requests = isFailed ? count : ordinaryIn(msg);
    if (requests === 0) continue;
    samples.push({
      ...{ fromMs: atMs, untilMs: atMs, total: requests, failed: isFailed ? count : 0 },
      byCode: isFailed ? { [code ?? String(status)]: count } : {},
    });
  }
  return samples;
}

/**
 * The number of ordinary requests that one line represents. The service logs which share of them it
 * logs.
 */
function ordinaryIn(msg: string): number {
  const [isOne, of = '1'] = /^request(?: \(one of (\d+)\))?$/.exec(msg) ?? [];
  return isOne === undefined ? 0 : Number(of);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
