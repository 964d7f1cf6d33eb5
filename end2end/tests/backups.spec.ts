// What an operator looks after, as administrators see it: the last backup, and a database that is older than it was.

import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { look } from '../support/look';
import { addCountry, addEnvironment, createKey, signIn } from '../support/steps';

const last = (page: Page) => page.getByText(/^Last backup:/);
const OLDER = 'The database is older than it was';

test('a backup beside the running server is seen, checked, and restored', async ({ page, keystead, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await createKey(page, admin, 'production/DE');
  await page.goto('/');
  await expect(last(page)).toContainText('none yet');

  const backup = join(keystead.data, '..', 'backup');
  expect((await keystead.run(['backup', backup])).code).toBe(0);
  await page.reload();
  await expect(last(page)).toContainText('UTC');
  await look(page, 'last-backup');
  const checked = await keystead.run(['restore', '--check', backup]);
  expect(checked.out).toContain('key_version: 1');
  expect(checked.out).toContain('Everything sealed opens');

  await test.step('what was made afterwards is lost, and the server says so', async () => {
    await addEnvironment(page, 'Later');
    // The trace of the newest state is left within a second or two.
    await page.waitForTimeout(2500);
    await keystead.stop();
    // The data folder is as it was but for the database, which an operator restores into it.
    const aside = join(keystead.data, '..', 'aside');
    renameSync(keystead.data, aside);
    expect((await keystead.run(['restore', backup, '--root-key-file', join(aside, 'root.key'), '--old-data', aside])).code).toBe(0);
    renameSync(join(aside, 'last-seen'), join(keystead.data, 'last-seen'));
    rmSync(aside, { recursive: true });
    await keystead.start();
    // The restore has spent the codes of the present minute.
    for (let spent = 0; spent < 3; spent += 1) admin.nextCode();
    await signIn(page, admin, '/');
    await expect(page.getByText(OLDER)).toBeVisible();
    await expect(page.getByRole('link', { name: 'Later' })).toHaveCount(0);
    await look(page, 'older-database');
    const findings = await keystead.run(['doctor', '--json']);
    expect(findings.code).toBe(1);
    expect(findings.out).toContain('older database');
    expect((await keystead.run(['doctor', '--accept-older-database'])).code).toBe(0);
    // A running server sees it within a second.
    await expect(async () => {
      await page.reload();
      await expect(page.getByText(OLDER)).toHaveCount(0, { timeout: 200 });
    }).toPass({ timeout: 5_000 });
  });
});
