// A Keystead for one test: data in a temporary folder, a free port, a clock that the test can move. It logs at the finest
// level; its output, its files and its traffic are kept, and at the end all of it is searched for secrets.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Canaries, type Kind, type Place, RECOVERY_CODES } from './canaries';
import { Clock } from './clock';
import { type Exchange, Tap } from './tap';
import { places, register } from './traffic';

const START_MS = 20_000;

/** Exit code and output of a process. */
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

/** A free port below the system's ephemeral ports: one of those could become the port of an outgoing connection meanwhile. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 10_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no free port');
}

/** Files of the data folder that are meant to hold a secret. */
const HOLDS: Readonly<Record<string, readonly Kind[]>> = {
  'data/root.key': ['root key'],
  'data/setup-token': ['setup token'],
};

export class Keystead {
  readonly data: string;
  readonly clock: Clock;
  readonly canaries = new Canaries();
  private child: ChildProcess | undefined;
  private readonly log: Buffer[] = [];
  /** Places to search: files and process data of servers that have ended, and output of commands. */
  private readonly seen: Place[] = [];
  private readonly complaints: string[] = [];

  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly tap: Tap,
    private readonly settings: Readonly<Record<string, string>>,
    hasTrueTime: boolean,
  ) {
    this.data = join(folder, 'data');
    this.clock = new Clock(folder, hasTrueTime);
  }

  /** Prepares a folder and a port for a server, without starting it. */
  static async prepare(settings: Readonly<Record<string, string>> = {}, hasTrueTime = false): Promise<Keystead> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'keystead-'));
    return new Keystead(folder, port, await Tap.before(port), settings, hasTrueTime);
  }

  /** The address for requests; the tap behind it records all traffic. */
  get url(): string {
    return `http://127.0.0.1:${this.tap.port}`;
  }

  get output(): string {
    return Buffer.concat(this.log).toString();
  }

  /** Returns the requests and answers so far. */
  exchanges(): Exchange[] {
    return this.tap.exchanges();
  }

  setupToken(): string {
    return readFileSync(join(this.data, 'setup-token'), 'utf8').trim();
  }

  /** Starts the server and waits until it is ready. */
  async start(): Promise<void> {
    const child = this.spawn([]);
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => this.log.push(part));
    const until = Date.now() + START_MS;
    while (!(await this.isReady())) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`Keystead did not start:\n${this.output}`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
    this.readSecretFiles();
  }

  private async isReady(): Promise<boolean> {
    return fetch(`http://127.0.0.1:${this.port}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
  }

  /** Ends the server with SIGTERM, as an operator does; returns its exit code. */
  async stop(): Promise<number | null> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    this.look(child);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = (await exit) as [number | null];
    return code;
  }

  /** Ends the server with SIGABRT, as a fault in it would. The files that it leaves behind are searched like the others. */
  async abort(): Promise<void> {
    const child = this.child;
    if (child === undefined) throw new Error('no server runs');
    this.child = undefined;
    this.look(child);
    const exit = once(child, 'exit');
    child.kill('SIGABRT');
    const [, signal] = (await exit) as [number | null, string | null];
    if (signal !== 'SIGABRT') this.complaints.push(`the server ended by ${signal}`);
    const dumps = readdirSync(this.folder, { recursive: true }).filter((name) => /(^|\/)core/.test(String(name)));
    if (dumps.length > 0) this.complaints.push(`the server left a core dump: ${dumps.join(', ')}`);
  }

  /** Runs a command beside the server, or the server itself until it ends. */
  async run(args: string[], input = ''): Promise<Ended> {
    for (const line of input.split('\n')) this.canaries.addLine(line);
    const child = this.spawn(args);
    const ended: Ended = { code: null, out: '', err: '' };
    child.stdout?.on('data', (part: Buffer) => (ended.out += part.toString()));
    child.stderr?.on('data', (part: Buffer) => (ended.err += part.toString()));
    // A command that refuses its arguments ends before it reads its input.
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    const seed = /^otpauth:.*[?&]secret=([A-Z2-7]+)/m.exec(ended.out)?.[1];
    if (seed !== undefined) this.canaries.add('seed', seed);
    for (const recovery of ended.out.match(RECOVERY_CODES) ?? []) this.canaries.add('recovery code', recovery);
    const command = `the command ${args.slice(0, 2).join(' ')}`;
    // A command hands out the secrets it made on standard output; standard error may go to a log.
    this.seen.push({ name: `standard output of ${command}`, bytes: Buffer.from(ended.out), may: ['seed', 'recovery code'] });
    this.seen.push({ name: `standard error of ${command}`, bytes: Buffer.from(ended.err) });
    return { ...ended, code };
  }

  /** Adds a text that others can see, to be searched at the end. */
  show(name: string, text: string): void {
    this.seen.push({ name, bytes: Buffer.from(text) });
  }

  /** Ends the server and removes its folder. Returns complaints, and every leaked secret with its place. */
  async end(): Promise<string[]> {
    const ran = this.log.length > 0;
    await this.stop();
    await this.tap.close();
    this.readSecretFiles();
    const exchanges = this.exchanges();
    register(exchanges, this.canaries);
    const log = Buffer.concat(this.log);
    const all = [{ name: 'the log', bytes: log }, ...this.seen, ...this.files('at the end'), ...places(exchanges)];
    const leaks = all.flatMap((place) => this.canaries.findings(place));
    rmSync(this.folder, { recursive: true, force: true });
    // The libraries, above all the database with its statements, log at these levels.
    if (ran && !/ (TRACE|DEBUG) /.test(log.toString('latin1'))) this.complaints.push('the log is not as full as it can be');
    if (ran && this.canaries.count('root key') === 0) this.complaints.push('no root key was found to search for');
    return [...this.complaints, ...leaks];
  }

  /** Ends the server; throws when a secret leaked. */
  async remove(): Promise<void> {
    const leaks = await this.end();
    if (leaks.length > 0) throw new Error(`Secrets where none may be:\n${leaks.join('\n')}`);
  }

  /** Makes canaries of the secrets in files. */
  private readSecretFiles(): void {
    for (const [file, [kind]] of Object.entries(HOLDS)) {
      const path = join(this.folder, file);
      if (kind !== undefined && existsSync(path)) this.canaries.add(kind, readFileSync(path, 'utf8').trim());
    }
  }

  /** Returns every file of the folder with its present contents. */
  private files(when: string): Place[] {
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const name = path.slice(this.folder.length + 1);
        return { name: `the file ${name} ${when}`, bytes: readFileSync(path), may: HOLDS[name] ?? [] };
      });
  }

  /** Records what others on the host can see of a running server, and its files, because its journal is removed at the end. */
  private look(child: ChildProcess): void {
    this.seen.push(...this.files('while it ran'));
    const limits = readFileSync(`/proc/${child.pid}/limits`, 'utf8');
    if (!/^Max core file size +0 +0 /m.test(limits)) this.complaints.push('the server may leave a core dump');
    this.seen.push({ name: "the server's command line", bytes: readFileSync(`/proc/${child.pid}/cmdline`) });
    try {
      this.seen.push({ name: "the server's environment", bytes: readFileSync(`/proc/${child.pid}/environ`) });
    } catch (error) {
      // Only root may read it, as intended.
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    }
  }

  private spawn(args: string[]): ChildProcess {
    return spawn(binary(), args, {
      cwd: this.folder,
      env: {
        ...this.clock.environment(),
        KEYSTEAD_DATA_DIR: this.data,
        KEYSTEAD_LISTEN: `127.0.0.1:${this.port}`,
        KEYSTEAD_LAME_DUCK_SECONDS: '0',
        KEYSTEAD_LOG: 'trace',
        ...this.settings,
      },
    });
  }
}
