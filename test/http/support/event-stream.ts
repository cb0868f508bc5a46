import { connect } from 'node:net';
import { eventually } from '../../support/eventually.ts';

/** One block of a stream of server-sent events. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** A client of `GET /concert/{concertId}/seat/stream`. */
export class EventStream {
  readonly status: number;
  readonly headers: Headers;
  /** Blocks with data, as they came. */
  readonly events: ServerSentEvent[] = [];
  /** Everything that came. */
  text = '';
  /** The last id, as a browser keeps it. */
  lastId = '';
  isOver = false;
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#abort = abort;
    void this.#read(response);
  }

  static async open(url: string, lastEventId?: string): Promise<EventStream> {
    const abort = new AbortController();
    const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    return new EventStream(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  /** Waits for so many blocks with data. */
  async take(count: number): Promise<readonly ServerSentEvent[]> {
    await eventually(`${count} events`, () => this.events.length >= count);
    return this.events.slice(0, count);
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const chunk of response.body ?? []) {
        const text = decoder.decode(chunk, { stream: true });
        this.text += text;
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) this.#take(block);
      }
    } catch {
      // Cut by either side.
    }
    this.isOver = true;
  }

  #take(block: string): void {
    const fields: Record<string, string> = {};
    for (const line of block.split('\n')) {
      const colon = line.indexOf(': ');
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
    }
    if (fields.id !== undefined) this.lastId = fields.id;
    if (fields.data !== undefined) this.events.push(fields);
  }
}

/** A client that asks for a stream and then reads nothing. */
export function openUnread(port: number, path: string) {
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  });
  socket.on('error', () => {});
  socket.pause();
  return socket;
}
