// The pictures of the README: made on request only (KEYSTEAD_SCREENSHOTS=1), from a portal that has been used for a while.

import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, awake, button, confirmWith, createKey, field, signIn } from '../support/steps';

const FOLDER = '../docs/screenshots';
const KEYS = '/environments/production/DE/keys';

async function photo(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${FOLDER}/${name}.png` });
}

test('pictures for the README', async ({ page, keystead, admin }) => {
  const { clock } = keystead;
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await signIn(page, admin);
  for (const [name, kind, countries] of [
    ['Production', 'Production', ['Germany', 'France', 'Japan', 'Brazil']],
    ['Staging', 'Test', ['Germany']],
  ] as const) {
    await addEnvironment(page, name, kind);
    for (const country of countries) await addCountry(page, country);
  }
  await createKey(page, admin, 'production/DE', 60);
  await createKey(page, admin, 'production/FR', 360);
  await createKey(page, admin, 'production/BR', 180);

  // Two rotations by themselves, one by hand.
  const rotated = async (version: number) => {
    await signIn(page, admin, KEYS);
    await expect(async () => {
      await page.reload();
      await expect(page.locator('tbody tr')).toHaveCount(version);
    }).toPass({ timeout: 20_000 });
  };
  clock.advance(60 * 86_400 + 7260);
  await rotated(2);
  clock.advance(60 * 86_400 + 1980);
  await rotated(3);
  clock.advance(19 * 86_400 + 11_100);
  await page.clock.install({ time: clock.now() });
  await signIn(page, admin, `${KEYS}/rotate`);
  await field(page, 'Rotation Period').selectOption('30 days');
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Rotate');
  clock.advance(2 * 86_400);
  await page.clock.setSystemTime(clock.now());
  await signIn(page, admin, KEYS);
  await awake(page);
  await photo(page, 'keys-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await photo(page, 'keys-dark');
  await page.emulateMedia({ colorScheme: 'light' });

  await page.goto(`${KEYS}/add`);
  await field(page, 'Rotation Period').selectOption('60 days');
  await button(page, 'Next').click();
  await awake(page);
  await photo(page, 'add-confirm');
  await page.context().clearCookies();
  await page.goto('/sign-in');
  await photo(page, 'sign-in');
});
