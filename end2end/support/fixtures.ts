// What every journey starts with: a server of its own, an administrator, and a browser that is watched. At its end nothing
// secret may have been seen anywhere.

import { test as base, expect } from '@playwright/test';
import { Administrator } from './administrator';
import { Keystead } from './keystead';
import { watch } from './watch';

interface Fixtures {
  /** Settings of the server beside those every journey has. */
  settings: Readonly<Record<string, string>>;
  /** It lives in the real time, not on a morning of its own. */
  hasTrueTime: boolean;
  keystead: Keystead;
  /** Somebody who can sign in; a first run has nobody yet. */
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
