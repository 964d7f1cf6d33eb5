// The search for leaked secrets. Every secret that arises in a journey is a canary: it may appear in the one place that is
// meant to show it and nowhere else, in any encoding.
//
// Verification codes are not searched for, because six digits occur by chance. Neither is managed key material, because no
// test can read it in the clear; the root key stands for it, because the keys that seal the material are sealed under the
// root key. A customer's data key is searched for: the emulator tells it to the customer.

import { fromBase32 } from './authenticator';

export type Kind = 'password' | 'seed' | 'recovery code' | 'setup token' | 'session token' | 'root key' | 'IAM secret key' | 'data key' | 'API key' | 'plaintext';

/** Bytes to search, and the kinds of secrets that they are meant to hold. */
export interface Place {
  name: string;
  bytes: Buffer;
  may?: readonly Kind[];
}

interface Form {
  kind: Kind;
  /** Number of the secret within its kind, because no finding names the secret itself. */
  number: number;
  bytes: Buffer;
}

/** Minimum length of a canary: shorter texts occur by chance. Keystead accepts no shorter password. */
const SHORTEST = 12;
/** Seeds and recovery codes as they are printed. */
const SEED = /^[A-Z2-7]{32,}$/;
export const API_KEYS = /\bkstd[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/])/g;
export const RECOVERY_CODES = /\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){5}-[A-Z2-7]{2}\b/g;

/** Returns the base64 of the bytes for each alignment within a longer input: the characters that depend on these bytes alone. */
function base64Inside(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    return whole.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((whole.length * 8) / 6));
  });
}

/** Returns the encodings in which programs write bytes. */
function writings(bytes: Buffer): string[] {
  const base64 = base64Inside(bytes);
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const hex = bytes.toString('hex');
  // A list of numbers, as Rust's debug format prints bytes.
  return [...base64, ...url, hex, hex.toUpperCase(), [...bytes].join(', '), [...bytes].join(',')];
}

/** Returns the encodings in which programs write text. */
function spellings(text: string): string[] {
  const markup = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const attribute = markup.replaceAll('"', '&quot;');
  const json = JSON.stringify(text).slice(1, -1);
  return [
    text,
    encodeURIComponent(text),
    new URLSearchParams({ '': text }).toString().slice(1),
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    json,
    markup,
    attribute,
    attribute.replaceAll("'", '&#39;'),
    attribute.replaceAll("'", '&#x27;'),
    ...[text, json].flatMap((form) => writings(Buffer.from(form))),
  ];
}

function grouped(text: string, joint: string): string {
  return (text.match(/.{1,4}/g) ?? []).join(joint);
}

/** Returns every form in which a secret may be written. */
function formsOf(kind: Kind, text: string): Buffer[] {
  const bare = text.replace(/[\s-]/g, '');
  const texts = (...all: string[]) => all.flatMap(spellings).map((form) => Buffer.from(form));
  const bytes = (raw: Buffer) => [raw, ...writings(raw).map((form) => Buffer.from(form))];
  switch (kind) {
    case 'password':
    case 'plaintext':
    case 'IAM secret key':
      return texts(text);
    case 'seed':
    case 'recovery code': {
      const groups = ['', ' ', '-', '</span><span>'].map((joint) => grouped(bare, joint));
      const raw = /^[A-Z2-7]+$/.test(bare) ? bytes(fromBase32(bare)) : [];
      return [...texts(text, ...groups, ...groups.map((form) => form.toLowerCase())), ...raw];
    }
    case 'setup token':
    case 'session token':
      return [...texts(text), ...bytes(Buffer.from(text, 'base64url'))];
    case 'root key':
    case 'data key':
    case 'API key':
      return [...texts(text), ...bytes(Buffer.from(text, 'base64'))];
  }
}

/** Number of bits of the hash that `slot` makes of the first four bytes of a form, small enough for a table. */
const TABLE_BITS = 18;
function slot(bytes: Buffer, at: number): number {
  const word = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
  return Math.imul(word, 0x9e3779b1) >>> (32 - TABLE_BITS);
}

export class Canaries {
  private readonly known = new Set<string>();
  private readonly counts = new Map<Kind, number>();
  private readonly slots = new Map<number, Form[]>();
  private readonly filled = new Uint8Array(1 << TABLE_BITS);

  /** Adds a secret to the search. */
  add(kind: Kind, text: string): void {
    if (text.length < SHORTEST || this.known.has(text)) return;
    this.known.add(text);
    const number = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, number);
    const unique = new Map(formsOf(kind, text).map((form) => [form.toString('latin1'), form]));
    for (const bytes of unique.values()) {
      if (bytes.length < SHORTEST) continue;
      const at = slot(bytes, 0);
      this.filled[at] = 1;
      this.slots.set(at, [...(this.slots.get(at) ?? []), { kind, number, bytes }]);
    }
  }

  /** Adds a line of a command's standard input: a seed, or else a password. */
  addLine(line: string): void {
    this.add(SEED.test(line) ? 'seed' : 'password', line);
  }

  /** Returns the number of known secrets of a kind. */
  count(kind: Kind): number {
    return this.counts.get(kind) ?? 0;
  }

  /** Returns the canaries that a place must not hold but does, each with its byte offset; never the secret itself. */
  findings({ name, bytes, may = [] }: Place): string[] {
    const found = new Map<string, string>();
    for (let at = 0; at + SHORTEST <= bytes.length; at += 1) {
      const here = slot(bytes, at);
      if (!this.filled[here]) continue;
      for (const form of this.slots.get(here) ?? []) {
        const canary = `${form.kind} no. ${form.number}`;
        if (may.includes(form.kind) || found.has(canary)) continue;
        const end = at + form.bytes.length;
        if (end > bytes.length || form.bytes.compare(bytes, at, end) !== 0) continue;
        found.set(canary, `${canary} is in ${this.sayable(name)} at byte ${at}`);
      }
    }
    return [...found.values()];
  }

  /** Returns the name of a place, unless the name holds a secret itself. */
  private sayable(name: string): string {
    return this.findings({ name: 'a name', bytes: Buffer.from(name) }).length === 0 ? name : 'a place whose name holds it';
  }
}
