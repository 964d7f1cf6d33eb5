// A proxy between clients and the server that forwards and records every byte. A browser reports its answers with gaps
// (a body is gone when the page is left, a second context must be watched too); a proxy has none.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A request and its answer. */
export interface Exchange {
  method: string;
  /** Path and query, as requested. */
  target: string;
  requestHeaders: string[];
  requestBody: Buffer;
  status: number;
  responseHeaders: string[];
  responseBody: Buffer;
}

interface Message {
  start: string;
  headers: string[];
  body: Buffer;
}

interface Wire {
  asked: Buffer[];
  answered: Buffer[];
}

/** Returns the first value of a header. */
export function headerOf(headers: string[], name: string): string | undefined {
  const line = headers.find((header) => header.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

/** Reads HTTP/1.1 messages one after the other. */
class Reader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  /** Reads the next message. `hasBody` is false for statuses whose answers have no body, whatever the headers say. */
  next(isAnswer: boolean, hasBody: (status: number) => boolean): Message | undefined {
    const end = this.bytes.indexOf('\r\n\r\n', this.at);
    if (end < 0) return undefined;
    const [start = '', ...headers] = this.bytes.toString('latin1', this.at, end).split('\r\n');
    this.at = end + 4;
    return { start, headers, body: this.body(headers, isAnswer, isAnswer && !hasBody(statusOf(start))) };
  }

  private body(headers: string[], isAnswer: boolean, isEmpty: boolean): Buffer {
    if (isEmpty) return Buffer.alloc(0);
    if (headerOf(headers, 'transfer-encoding')?.toLowerCase() === 'chunked') return this.chunks();
    const length = headerOf(headers, 'content-length');
    if (length !== undefined) return this.take(Number(length));
    return isAnswer ? this.take(this.bytes.length) : Buffer.alloc(0);
  }

  private chunks(): Buffer {
    const parts: Buffer[] = [];
    for (;;) {
      const end = this.bytes.indexOf('\r\n', this.at);
      if (end < 0) return Buffer.concat(parts);
      const size = Number.parseInt(this.bytes.toString('latin1', this.at, end), 16);
      this.at = end + 2;
      parts.push(this.take(size));
      this.at += 2;
      if (!size) return Buffer.concat(parts);
    }
  }

  private take(length: number): Buffer {
    const part = this.bytes.subarray(this.at, this.at + length);
    this.at += part.length;
    return part;
  }
}

function statusOf(start: string): number {
  return Number(start.split(' ')[1]);
}

/** Returns the exchanges of one connection. An answer that was cut off is there as far as it arrived. */
function exchangesOf(wire: Wire): Exchange[] {
  const [asked, answered] = [new Reader(Buffer.concat(wire.asked)), new Reader(Buffer.concat(wire.answered))];
  const exchanges: Exchange[] = [];
  for (;;) {
    const request = asked.next(false, () => true);
    if (request === undefined) return exchanges;
    const [method = '', target = ''] = request.start.split(' ');
    const hasBody = (status: number) => method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
    const answer = answered.next(true, hasBody);
    if (answer === undefined) return exchanges;
    exchanges.push({
      method,
      target,
      requestHeaders: request.headers,
      requestBody: request.body,
      status: statusOf(answer.start),
      responseHeaders: answer.headers,
      responseBody: answer.body,
    });
  }
}

export class Tap {
  private readonly wires: Wire[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** Starts a proxy in front of a server on this machine. */
  static async before(upstream: number): Promise<Tap> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no free port');
    const tap = new Tap(server, address.port);
    server.on('connection', (socket) => tap.join(socket, upstream));
    return tap;
  }

  /** Returns all requests and answers so far. */
  exchanges(): Exchange[] {
    return this.wires.flatMap(exchangesOf);
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private join(client: Socket, upstream: number): void {
    const server = connect({ port: upstream, host: '127.0.0.1', allowHalfOpen: true });
    const wire: Wire = { asked: [], answered: [] };
    this.wires.push(wire);
    this.pass(client, server, wire.asked);
    this.pass(server, client, wire.answered);
  }

  private pass(from: Socket, to: Socket, record: Buffer[]): void {
    this.sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (part: Buffer) => record.push(part));
    from.pipe(to);
    // When one side breaks or closes the connection, the other side sees the same.
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroySoon();
    });
  }
}
