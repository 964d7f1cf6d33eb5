// The pictures of the README: made on request only (KEYSTEAD_SCREENSHOTS=1), from a portal that has been used for a while.

import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { Customer, kmsUrl } from '../support/customer';
import { ask, base64 } from '../support/service';
import { addCountry, addEnvironment, awake, button, choose, confirmWith, createKey, field, said, signIn } from '../support/steps';

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

  // Two automatic rotations, one by hand.
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
  await page.goto('/');
  await awake(page);
  await photo(page, 'overview');
  await page.goto(`/calendar?month=${new Date(clock.now().getTime() + 28 * 86_400_000).toISOString().slice(0, 7)}`);
  await awake(page);
  await photo(page, 'calendar');

  await page.goto(`${KEYS}/add`);
  await field(page, 'Rotation Period').selectOption('60 days');
  await button(page, 'Next').click();
  await awake(page);
  await photo(page, 'add-confirm');
  await page.context().clearCookies();
  await page.goto('/sign-in');
  await photo(page, 'sign-in');
});

test('pictures of a service and what it did', async ({ page, keystead, admin }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  for (const country of ['Germany', 'France']) await addCountry(page, country);
  for (const scope of ['production/DE', 'production/FR']) await createKey(page, admin, scope);
  await page.goto('/api-keys/add');
  await field(page, 'Name').fill('Orders');
  for (const country of ['Germany (DE)', 'France (FR)']) await field(page, country).check();
  for (const operation of ['encrypt', 'decrypt', 'wrap', 'unwrap']) await field(page, operation).check();
  await awake(page);
  await photo(page, 'api-key');
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Create');
  const key = (await page.locator('.new-key code').innerText()).trim();
  await button(page, 'I have saved this key').click();
  const context = { table: 'orders' };
  for (const [scope, order] of [['production/DE', '1041'], ['production/FR', '1042'], ['production/DE', '1043']] as const) {
    const audit = { requesting_id: 'checkout', object_id: `order ${order}` };
    const { body } = await ask(keystead, key, scope, 'encrypt', { plaintext: base64('…'), context, audit });
    await ask(keystead, key, scope, 'decrypt', { ciphertext: body['ciphertext'], context, audit: { ...audit, requesting_id: 'support' } });
  }
  await ask(keystead, key, 'production/FR', 'rewrap', { edek: base64('…') });
  await ask(keystead, key, 'production/DE', 'wrap', { items: Array(250).fill({}), audit: { requesting_id: 'import' } });
  await page.goto('/audit?source=data');
  await awake(page);
  await photo(page, 'audit-data');
});

test.describe('with a customer in the emulator', () => {
  test.use({ hasTrueTime: true, settings: async ({}, use) => use({ KEYSTEAD_KMS_ENDPOINT_URL: kmsUrl(), KEYSTEAD_HEALTH_PROBE_SECONDS: '1' }) });

  test('pictures of a key that the customer holds', async ({ page, admin }) => {
    const customer = Customer.create();
    await page.setViewportSize({ width: 1280, height: 1040 });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await signIn(page, admin);
    await addEnvironment(page, 'Production');
    for (const country of ['Germany', 'France']) await addCountry(page, country);
    await createKey(page, admin, 'production/DE');
    await createKey(page, admin, 'production/FR');
    await page.goto(`${KEYS}/add`);
    await choose(page, 'Manual: AWS');
    await awake(page);
    await field(page, 'Paste here').fill(customer.outputs());
    await expect(field(page, 'Region')).toHaveValue('eu-central-1');
    await button(page, 'Next').click();
    await awake(page);
    await photo(page, 'aws-check');
    await confirmWith(page, admin.nextCode(), 'Create');
    await expect(said(page)).toHaveText(/Version 2 is active/);
    customer.disable();
    await expect(async () => {
      await page.goto(KEYS);
      await expect(page.locator('.health').first()).toHaveAttribute('data-health', 'refused', { timeout: 500 });
    }).toPass({ timeout: 30_000 });
    await page.setViewportSize({ width: 1280, height: 800 });
    await awake(page);
    await photo(page, 'aws-refused');
  });
});
