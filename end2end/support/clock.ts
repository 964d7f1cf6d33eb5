// The server's clock, which a test can move. libfaketime reads the offset to the real time from a file.

import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
/** Time at which every journey begins: early in a day, so that a day ends only when the journey moves the clock. */
const BEGIN = Date.parse('2026-11-02T09:00:00Z');

export class Clock {
  private readonly file: string;
  private offset: number;

  /** `isTrue`: keeps the real time, for journeys that also call services with a real clock. */
  constructor(folder: string, isTrue = false) {
    this.offset = isTrue ? 0 : Math.round((BEGIN - Date.now()) / 1000);
    this.file = join(folder, 'clock');
    this.write();
  }

  /** Returns the environment variables with which a process uses this clock. */
  environment(): Record<string, string> {
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  now(): Date {
    return new Date(Date.now() + this.offset * 1000);
  }

  /** Moves the clock forward by a number of seconds. */
  advance(seconds: number): void {
    this.offset += Math.ceil(seconds);
    this.write();
  }

  advanceDays(days: number): void {
    this.advance(days * 86_400);
  }

  /** Moves the clock forward to a time, unless that is past. */
  advanceTo(then: Date): void {
    this.advance(Math.max(0, (then.getTime() - this.now().getTime()) / 1000));
  }

  /** Writes the file in one step, so that the server never reads half a number. */
  private write(): void {
    const sign = this.offset < 0 ? '' : '+';
    writeFileSync(`${this.file}.new`, `${sign}${this.offset}\n`);
    renameSync(`${this.file}.new`, this.file);
  }
}
