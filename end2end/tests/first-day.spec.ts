// The first day: each empty page leads to the next step, and after the first key a list says what is left to do.

import { join } from 'node:path';
import { Administrator } from '../support/administrator';
import { expect, test } from '../support/fixtures';
import { look } from '../support/look';
import { ask, base64 } from '../support/service';
import { addCountry, addEnvironment, button, confirmWith, createKey, field, link, signIn } from '../support/steps';
import { hasScript } from '../support/watch';

test.describe('the first day', () => {
  test.use({ hasTrueTime: true });

  test('leads from an empty portal to the first key, and from there to all that is left to do', async ({ page, keystead, admin }) => {
    const keys = '/environments/production/DE/keys';
    await signIn(page, admin);
    await expect(page.getByRole('heading', { name: 'No environments yet' })).toBeVisible();
    await addEnvironment(page, 'Production');
    await expect(page.getByRole('heading', { name: 'No countries yet' })).toBeVisible();
    await addCountry(page, 'Germany');
    await page.goto(keys);
    await expect(page.getByText('Services cannot encrypt here until you add a key.')).toBeVisible();
    await expect(page.getByText('Next steps')).toHaveCount(0);
    await link(page, 'Add encryption key').click();
    await expect(page).toHaveURL(`${keys}/add`);
    await createKey(page, admin, 'production/DE');

    const card = page.locator('section.card', { has: page.getByRole('heading', { name: 'Next steps' }) });
    const step = (name: string) => card.getByRole('listitem').filter({ hasText: name });
    const steps = ['Create an API key', 'Encrypt from your service', 'Add a second administrator', 'Make the first backup'];
    for (const name of steps) await expect(step(name)).toContainText('Open');
    await expect(card.getByRole('listitem')).toHaveCount(steps.length);
    if (await hasScript(page)) await look(page, 'next-steps');

    await card.getByRole('link', { name: 'Create an API key' }).click();
    await field(page, 'Name').fill('Orders');
    await page.getByLabel('Germany (DE)').check();
    await field(page, 'encrypt').check();
    await button(page, 'Next').click();
    await confirmWith(page, admin.nextCode(), 'Create');
    const key = (await page.locator('.new-key code').innerText()).trim();
    await button(page, 'I have saved this key').click();
    await page.goto(keys);
    await expect(step('Create an API key')).toContainText('Done');

    await card.getByRole('link', { name: 'Encrypt from your service' }).click();
    await expect(page.getByRole('heading', { name: 'How services use it' })).toBeVisible();
    expect((await ask(keystead, key, 'production/DE', 'encrypt', { plaintext: base64('the first data of all') })).status).toBe(200);
    await expect(async () => {
      await page.goto(keys);
      await expect(step('Encrypt from your service')).toContainText('Done', { timeout: 500 });
    }).toPass({ timeout: 15_000 });

    await new Administrator(keystead, 'grace@example.com', 'five loud herons carry ladders').create();
    await page.reload();
    await expect(step('Add a second administrator')).toContainText('Done');
    await expect(step('Make the first backup')).toContainText('Open');
    if (await hasScript(page)) await look(page, 'next-steps-nearly-done');
    expect((await keystead.run(['backup', join(keystead.data, '..', 'backup')])).code).toBe(0);
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Encryption keys' })).toBeVisible();
    await expect(card, 'all is done').toHaveCount(0);
  });
});
