// The size of a page over the wire.

import type { CDPSession, Page } from '@playwright/test';

/** Measures the bytes on the wire for each resource, while the page loads with an empty cache. */
export async function weigh(page: Page, path: string): Promise<{ total: number; text: string }> {
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
