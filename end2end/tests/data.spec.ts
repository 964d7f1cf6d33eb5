// A service of the vendor: its API key is created in the browser, used over HTTP, found in the audit log, revoked.

import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { look } from '../support/look';
import { ask, base64, derive, run } from '../support/service';
import { addCountry, addEnvironment, button, confirmWith, createKey, expectError, field, link, more, rows, said, signIn } from '../support/steps';
import { hasScript } from '../support/watch';

const PLAINTEXT = 'the address of somebody in order 17';
const DE = 'production/DE';

async function photo(page: Page, name: string): Promise<void> {
  if (await hasScript(page)) await look(page, name);
}

/** Fills in "Finish rotation": the page shows that a service has asked, and wants the scope's name and a tick. */
async function finishRotation(page: Page): Promise<void> {
  await expect(async () => {
    await page.reload();
    await expect(page.getByText(/^once since .*, last at /)).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 15_000 });
  await photo(page, 'tenant-secrets-used');
  await field(page, 'Confirm').fill('production/AT');
  await button(page, 'Next').click();
  await expectError(page, 'Confirm', 'Type production/DE to confirm.');
  await expect(page.getByText(/Tick the box to finish although/).first()).toBeVisible();
  await field(page, 'Confirm').fill(DE);
  await page.getByLabel(/^Services received keys of the previous secrets once since/).check();
}

test.describe('a service', () => {
  test.use({ hasTrueTime: true });

  test('comes in with its key, writes and reads, is seen, and is shut out', async ({ page, keystead, admin }) => {
    keystead.canaries.add('plaintext', PLAINTEXT);
    await signIn(page, admin);
    await page.goto('/api-keys/add');
    await expect(page.getByText('No environments yet')).toBeVisible();
    await addEnvironment(page, 'Production');
    await addCountry(page, 'Germany');
    await addCountry(page, 'France');
    await createKey(page, admin, 'production/DE');

    await test.step('its key is made, and shown once', async () => {
      await page.goto('/api-keys');
      await expect(page.getByRole('heading', { name: 'No API keys yet' })).toBeVisible();
      await photo(page, 'api-keys-empty');
      await link(page, 'Create API key').click();
      await button(page, 'Next').click();
      for (const said of ['Enter a name.', 'Choose at least one scope.', 'Choose at least one operation.']) {
        await expect(page.getByText(said).first()).toBeVisible();
      }
      await photo(page, 'api-key-refused');
      await page.setViewportSize({ width: 360, height: 740 });
      const hidden = await field(page, 'rewrap').evaluate((box) => {
        const frame = box.closest('.check-list-groups');
        return frame === null ? -1 : frame.scrollHeight - frame.clientHeight;
      });
      expect(hidden, 'on a phone no operation is cut off').toBe(0);
      await page.setViewportSize({ width: 1280, height: 800 });
      await field(page, 'Name').fill('Orders');
      await page.getByLabel('Germany (DE)').check();
      for (const operation of ['encrypt', 'decrypt', 'wrap', 'unwrap']) await field(page, operation).check();
      await field(page, 'Expires').selectOption({ index: 1 });
      await button(page, 'Next').click();
      await expect(page.getByText('It works in production/DE only.')).toBeVisible();
      await photo(page, 'api-key-confirm');
      await confirmWith(page, admin.nextCode(), 'Create');
      await expect(page).toHaveURL('/api-keys/new');
      await photo(page, 'api-key-new');
    });
    const key = (await page.locator('.new-key code').innerText()).trim();
    await button(page, 'I have saved this key').click();
    await expect(page).toHaveURL('/api-keys');
    await page.goto('/api-keys/new');
    await expect(page).toHaveURL('/api-keys');

    await test.step('it writes and reads', async () => {
      const context = { order: '17' };
      const audit = { requesting_id: 'billing', object_id: 'order 17' };
      const written = await ask(keystead, key, DE, 'encrypt', { plaintext: base64(PLAINTEXT), context, audit });
      expect([written.status, written.body['version']]).toEqual([200, 1]);
      const { ciphertext } = written.body;
      const read = await ask(keystead, key, DE, 'decrypt', { ciphertext, context });
      expect(read).toEqual({ status: 200, body: { plaintext: base64(PLAINTEXT), version: 1 } });
      expect((await ask(keystead, key, DE, 'decrypt', { ciphertext })).body['code']).toBe('not_opened');
      expect((await ask(keystead, key, DE, 'reencrypt', { ciphertext, context })).status).toBe(403);
      const wrapped = await ask(keystead, key, DE, 'wrap', { items: [{}, {}, {}] });
      expect((wrapped.body['results'] as unknown[]).length).toBe(3);
    });

    await test.step('what it did is in the audit log, beside what people did', async () => {
      await page.goto('/audit');
      await page.getByRole('link', { name: 'Data plane' }).click();
      const lines = await rows(page);
      expect(lines).toHaveLength(5);
      expect(lines[4]?.join(' ')).toContain('version 1, by “billing”, object “order 17”');
      await photo(page, 'audit-data');
      await field(page, 'Where').fill('production/FR');
      await button(page, 'Search').click();
      await expect(page.getByRole('heading', { name: 'No matching events' })).toBeVisible();
      await page.getByRole('main').getByRole('link', { name: 'Clear' }).click();
      const download = page.waitForEvent('download');
      await button(page, 'JSON Lines').click();
      const exported = readFileSync(await (await download).path(), 'utf8').trim().split('\n');
      expect(exported).toHaveLength(5);
      expect(JSON.parse(exported[0] ?? '')).toMatchObject({ sequence: 1, who: 'Orders', deed: 'data.encrypt', object_id: 'order 17' });
    });

    await test.step('what a service says of itself may be long, and the page does not grow with it', async () => {
      const audit = { requesting_id: 'r'.repeat(100), object_id: 'O'.repeat(100) };
      expect((await ask(keystead, key, DE, 'encrypt', { plaintext: base64(PLAINTEXT), audit })).status).toBe(200);
      await page.goto('/audit?source=data');
      expect((await rows(page))[0]?.join(' ')).toContain(audit.object_id);
      await photo(page, 'audit-data-long');
      await page.goto('/audit');
      await photo(page, 'audit-portal-long');
    });

    await test.step('the version shows its use, the list the last use of the key', async () => {
      await expect(async () => {
        await page.goto('/environments/production/DE/keys/1');
        await expect(page.locator('.facts').first().getByText('Encrypted', { exact: true }).locator('..')).toContainText('5', { timeout: 500 });
      }).toPass({ timeout: 15_000 });
      await expect(page.getByRole('figure')).toContainText(/^\d+ uses in the last 90 days, all by “\u2068Orders\u2069”\./);
      const users = page.getByRole('table', { name: 'Use by API key, the most first' });
      await expect(users.getByRole('row').nth(1)).toContainText(/Orders\s*kstd/);
      await expect(page.locator('.timeline > li').first()).toContainText(/^(First|Last) use/);
      await expect(page.locator('.timeline > li').last()).toContainText(/^Created by .*@/);
      if (await hasScript(page)) await look(page, 'version-used');
      await link(page, 'Lines of the audit log').click();
      await expect(field(page, 'Where')).toHaveValue('production/DE/1');
      expect((await rows(page)).map((row) => row[2]?.split('\n')[0])).toEqual(['Add encryption key']);
      await page.goto('/environments/production/DE/keys');
      await expect(page.getByRole('region', { name: 'Active version' })).toContainText(/Version 1[^]*Healthy[^]*all by “\u2068Orders/);
      if (await hasScript(page)) await look(page, 'keys-used');
      await page.goto('/api-keys');
      expect((await rows(page))[0]?.join(' ')).not.toContain('never');
      const name = await page.locator('td .wrap').first().boundingBox();
      const start = await page.locator('td .cell-note').first().boundingBox();
      expect(start?.y, 'the start of the key stands below its name').toBeGreaterThanOrEqual((name?.y ?? 0) + (name?.height ?? 0));
      await photo(page, 'api-keys');
      await link(page, 'How services use it').click();
      await expect(page.getByRole('heading', { name: 'Encrypt and decrypt' })).toBeVisible();
      expect(await run(await page.locator('.guide code').allInnerTexts(), key)).toEqual([
        { plaintext: 'YSBzZWNyZXQ=', version: 1 },
        { dek: expect.stringMatching(/^[\w+/]{43}=$/), version: 1 },
        { results: [{ ciphertext: expect.any(String), version: 1 }, { ciphertext: expect.any(String), version: 1 }] },
        { plaintext: 'YSBzZWNyZXQ=', version: 1 },
      ]);
      await photo(page, 'guide-api');
    });

    await test.step('the scope gets an alias, and the secrets of derived keys are rotated', async () => {
      const scope = '/environments/production/DE';
      await page.goto(`${scope}/tenant-secrets`);
      await expect(page.getByRole('heading', { name: 'This country has no tenant secrets yet' })).toBeVisible();
      await photo(page, 'tenant-secrets-empty');
      await page.goto(`${scope}/keys`);
      await more(page, 'Alias');
      await field(page, 'Alias').fill('acme-berlin');
      await photo(page, 'alias');
      await button(page, 'Next').click();
      await confirmWith(page, admin.nextCode(), 'Change');
      expect(await derive(keystead, key, 'acme-berlin')).toEqual([true]);
      for (const [verb, current] of [['Begin rotation', [true, false]], ['Finish rotation', [true]]] as const) {
        await page.goto(`${scope}/keys`);
        await more(page, 'Tenant secrets');
        await photo(page, `tenant-secrets-${verb.split(' ')[0]?.toLowerCase()}`);
        if (verb === 'Finish rotation') await finishRotation(page);
        await button(page, 'Next').click();
        await photo(page, `tenant-secrets-confirm-${verb.split(' ')[0]?.toLowerCase()}`);
        await confirmWith(page, admin.nextCode(), verb);
        await expect(said(page)).toContainText('1 tenant secret');
        expect(await derive(keystead, key, 'acme-berlin')).toEqual(current);
      }
    });

    await test.step('revoked, it is shut out at once', async () => {
      await page.goto('/api-keys');
      await button(page, 'Revoke').click();
      await expect(page.getByText(/It was used/)).toBeVisible();
      await confirmWith(page, admin.nextCode(), 'Revoke');
      await expect(said(page)).toHaveText('The key "Orders" is revoked. Services that still use it are refused.');
      expect((await ask(keystead, key, DE, 'encrypt', { plaintext: base64(PLAINTEXT) })).status).toBe(401);
      await expect(button(page, 'Revoke')).toHaveCount(0);
    });
  });
});
