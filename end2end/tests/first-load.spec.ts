// Time that a browser with an empty cache waits for pages of Keystead and of OpenBao. Only `cargo xtask bench` runs it; that
// starts the servers and passes their addresses (KEYSTEAD_FIRST_LOAD: JSON, see below).

import { writeFileSync } from 'node:fs';
import { type BrowserContext, expect, test } from '@playwright/test';
import { weigh } from '../support/weigh';

const ROUNDS = 5;

interface Target {
  /** Name of its figures. */
  name: string;
  url: string;
  /** Selector of an element that is visible once the page can be used. */
  ready: string;
  cookie?: { name: string; value: string };
  /** Token for a sign-in on the page itself. */
  token?: string;
}

interface Asked {
  targets: Target[];
  /** File for the figures. */
  answer: string;
}

interface Load {
  bytes: number[];
  paint: number[];
  interactive: number[];
}

/** Signs in on the page, for a target with a token. */
async function signIn(context: BrowserContext, { url, token }: Target): Promise<void> {
  if (token === undefined) return;
  const page = await context.newPage();
  await page.goto(new URL('/ui/vault/auth?with=token', url).href);
  await page.locator('input[type=password], input[name=token]').first().fill(token);
  await page.getByRole('button', { name: /sign in/i }).click();
  await page.waitForURL(/secrets|dashboard/);
  await page.close();
}

test('first loads', async ({ browser }) => {
  test.setTimeout(300_000);
  const asked = JSON.parse(process.env['KEYSTEAD_FIRST_LOAD'] ?? '') as Asked;
  const figures: Record<string, Load> = {};
  // The first round is the browser's own warm-up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const target of asked.targets) {
      const context = await browser.newContext();
      if (target.cookie) await context.addCookies([{ ...target.cookie, url: target.url }]);
      await signIn(context, target);
      const page = await context.newPage();
      await page.addInitScript((ready) => {
        const look = (): void => {
          if (document.querySelector(ready)?.getClientRects().length) performance.mark('ready');
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }, target.ready);
      const { total } = await weigh(page, target.url);
      await page.waitForFunction(() => performance.getEntriesByName('ready').length > 0, undefined, { timeout: 20_000 });
      const [paint, interactive] = await page.evaluate(() => [
        performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
        performance.getEntriesByName('ready')[0]?.startTime ?? Number.NaN,
      ]);
      expect(paint, target.name).toBeGreaterThan(0);
      if (round > 0) {
        const load = (figures[target.name] ??= { bytes: [], paint: [], interactive: [] });
        load.bytes.push(total);
        load.paint.push(paint ?? Number.NaN);
        load.interactive.push(interactive ?? Number.NaN);
      }
      await context.close();
    }
  }
  writeFileSync(asked.answer, JSON.stringify(figures));
});
