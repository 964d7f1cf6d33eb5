// What every journey starts with: a server of its own, an administrator, and a browser that is watched.

import { test as base, expect } from '@playwright/test';
import { Administrator } from './administrator';
import { Keystead } from './keystead';
import { watch } from './watch';

interface Fixtures {
  keystead: Keystead;
  /** Somebody who can sign in; a first run has nobody yet. */
  admin: Administrator;
}

export const test = base.extend<Fixtures>({
  keystead: async ({}, use, info) => {
    const keystead = await Keystead.prepare();
    try {
      await keystead.start();
      await use(keystead);
    } finally {
      await keystead.remove();
      if (info.status !== info.expectedStatus) {
        await info.attach('server log', { body: keystead.output, contentType: 'text/plain' });
      }
    }
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
