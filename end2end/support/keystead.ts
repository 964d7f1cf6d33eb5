// A Keystead of a test's own: data in a temporary folder, a port that was free, a clock that can be moved.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock } from './clock';

const START_MS = 20_000;

/** How a process ended and what it said. */
export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function binary(): string {
  const path = process.env['KEYSTEAD_BIN'];
  if (!path) throw new Error('KEYSTEAD_BIN must name the keystead binary');
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export class Keystead {
  readonly data: string;
  readonly clock: Clock;
  private child: ChildProcess | undefined;
  private log = '';

  private constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {
    this.data = join(folder, 'data');
    this.clock = new Clock(folder);
  }

  /** A place for a server that does not run yet. */
  static async prepare(): Promise<Keystead> {
    return new Keystead(mkdtempSync(join(tmpdir(), 'keystead-')), await freePort());
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get output(): string {
    return this.log;
  }

  setupToken(): string {
    return readFileSync(join(this.data, 'setup-token'), 'utf8').trim();
  }

  /** Starts the server and waits until it is ready. */
  async start(): Promise<void> {
    const child = this.spawn([]);
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (this.log += part.toString()));
    const until = Date.now() + START_MS;
    while (!(await this.isReady())) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`Keystead did not start:\n${this.log}`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  private async isReady(): Promise<boolean> {
    return fetch(`${this.url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  /** Ends the server as an operator does; answers with its exit code. */
  async stop(): Promise<number | null> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = (await exit) as [number | null];
    return code;
  }

  /** Runs the command line beside the server, or the server itself until it ends. */
  async run(args: string[], input = ''): Promise<Ended> {
    const child = this.spawn(args);
    const ended: Ended = { code: null, out: '', err: '' };
    child.stdout?.on('data', (part: Buffer) => (ended.out += part.toString()));
    child.stderr?.on('data', (part: Buffer) => (ended.err += part.toString()));
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { ...ended, code };
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private spawn(args: string[]): ChildProcess {
    return spawn(binary(), args, {
      cwd: this.folder,
      env: { ...this.clock.environment(), KEYSTEAD_DATA_DIR: this.data, KEYSTEAD_LISTEN: `127.0.0.1:${this.port}` },
    });
  }
}
