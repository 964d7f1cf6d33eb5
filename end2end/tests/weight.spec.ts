// What a first load costs over the wire.

import type { CDPSession, Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, createKey, signIn } from '../support/steps';

const KILOBYTE = 1024;

/** Bytes on the wire by kind of resource, while the page loads with an empty cache. */
async function weigh(page: Page, path: string): Promise<{ total: number; text: string }> {
  const wire: CDPSession = await page.context().newCDPSession(page);
  await wire.send('Network.enable');
  await wire.send('Network.clearBrowserCache');
  await wire.send('Network.setCacheDisabled', { cacheDisabled: true });
  const names = new Map<string, string>();
  const parts = new Map<string, number>();
  wire.on('Network.responseReceived', ({ requestId, response }) => {
    const encoding = response.headers['content-encoding'] ?? 'plain';
    names.set(requestId, `${new URL(response.url).pathname.split('/').at(-1)} (${encoding})`);
  });
  wire.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    parts.set(names.get(requestId) ?? requestId, encodedDataLength);
  });
  await page.goto(path, { waitUntil: 'networkidle' });
  await wire.detach();
  const total = [...parts.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { total, text: [...parts].map(([name, bytes]) => `${name} ${bytes}`).join(', ') };
}

test('a first load is light: 180 KB with islands, 60 KB without', async ({ page, admin }) => {
  const plain = await weigh(page, '/sign-in');
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await createKey(page, admin, 'production/DE');
  const islands = await weigh(page, '/environments/production/DE/keys');
  console.log(`/sign-in: ${plain.total} bytes: ${plain.text}`);
  console.log(`keys page: ${islands.total} bytes: ${islands.text}`);
  expect(islands.text).toContain('keystead.wasm (br)');
  expect(plain.text).not.toContain('wasm');
  expect(islands.total).toBeLessThanOrEqual(180 * KILOBYTE);
  expect(plain.total).toBeLessThanOrEqual(60 * KILOBYTE);
});
