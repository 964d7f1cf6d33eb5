// An authenticator app: TOTP as defined in RFC 6238, with SHA-1, six digits, 30 seconds.

import { createHmac } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP_SECONDS = 30;

/** Decodes a secret as a page shows it: base32, in groups or not. */
export function fromBase32(text: string): Buffer {
  const bits = [...text.replace(/\s/g, '')].map((sign) => ALPHABET.indexOf(sign).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
}

export function stepOf(time: Date): number {
  return Math.floor(time.getTime() / 1000 / STEP_SECONDS);
}

/** Returns the time at which a step begins. */
export function startOf(step: number): Date {
  return new Date(step * STEP_SECONDS * 1000);
}

/** Returns the code of a step. */
export function codeOf(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 0x0f;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Returns six digits that are the code of no step near this one. */
export function wrongCode(secret: string, step: number): string {
  const near = Array.from({ length: 25 }, (_, index) => codeOf(secret, step + index - 12));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.includes(code)) ?? '666666';
}
