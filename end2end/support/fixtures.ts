// Every journey starts with its own server, an administrator, and a browser whose errors are recorded. At its end no secret
// may have appeared anywhere.

import { test as base, expect } from '@playwright/test';
import { Administrator } from './administrator';
import { Keystead } from './keystead';
import { watch } from './watch';

interface Fixtures {
  /** Settings of the server besides those of every journey. */
  settings: Readonly<Record<string, string>>;
  /** Whether the server uses the real time, not the fixed morning of the other journeys. */
  hasTrueTime: boolean;
  keystead: Keystead;
  /** An administrator who can sign in. A journey about the first run does not use it. */
  admin: Administrator;
}

export const test = base.extend<Fixtures>({
  settings: [{}, { option: true }],
  hasTrueTime: [false, { option: true }],
  keystead: async ({ settings, hasTrueTime }, use, info) => {
    const keystead = await Keystead.prepare(settings, hasTrueTime);
    let leaks: string[] = [];
    try {
      await keystead.start();
      await use(keystead);
      expect(keystead.exchanges().length, 'answers that are searched for secrets').toBeGreaterThan(0);
    } finally {
      leaks = await keystead.end();
      if (leaks.length > 0 || info.status !== info.expectedStatus) {
        await info.attach('server log', { body: keystead.output, contentType: 'text/plain' });
      }
    }
    expect(leaks, 'secrets where none may be').toEqual([]);
  },
  admin: async ({ keystead }, use) => {
    await use(await new Administrator(keystead).create());
  },
  baseURL: async ({ keystead }, use) => {
    await use(keystead.url);
  },
  context: async ({ context }, use) => {
    const complaints = await watch(context);
    await use(context);
    expect(complaints, 'errors on the console, exceptions, dialogs, policy violations').toEqual([]);
  },
});

export { expect };
