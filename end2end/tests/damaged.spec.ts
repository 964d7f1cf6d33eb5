// The database was written by somebody who has no root key: administrators see it, and nothing uses what was written.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '../support/fixtures';
import { look } from '../support/look';
import { addCountry, addEnvironment, createKey, signIn } from '../support/steps';

/** Runs statements in the database as somebody else's program would. */
function write(data: string, statements: string[]): void {
  const program = 'import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=10) as db:\n  [db.execute(s) for s in sys.argv[2:]]';
  execFileSync('python3', ['-c', program, join(data, 'keystead.db'), ...statements]);
}

test('what somebody else wrote into the database is marked, named and not used', async ({ page, keystead, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await createKey(page, admin, 'production/DE');
  const made = await keystead.run(['api-key', 'create', '--name', 'Orders', '--scope', 'production/DE', '--operations', 'encrypt']);
  expect(made.code).toBe(0);
  expect((await keystead.run(['doctor', '--json'])).out).toContain('Keystead wrote every row that gives authority.');

  write(keystead.data, [
    "UPDATE api_key SET operations = 'encrypt,decrypt'",
    "UPDATE key_version SET created_by = 'mallory@example.com', material = zeroblob(120)",
    'UPDATE instance SET data_epoch = data_epoch + 1',
  ]);

  await page.goto('/api-keys');
  await expect(page.getByRole('row', { name: /Orders/ }).getByText('Damaged')).toBeVisible();
  await page.goto('/environments/production/DE/keys');
  for (const place of [page.getByRole('region', { name: 'Active version' }), page.getByRole('table')]) {
    await expect(place.getByText('Damaged', { exact: true })).toBeVisible();
  }
  await look(page, 'damaged-keys');
  await page.goto('/environments/production/DE/keys/1');
  await expect(page.getByText('Keystead does not use this version: its row in the database is damaged')).toBeVisible();
  await look(page, 'damaged-version');
  write(keystead.data, ["UPDATE environment SET kind = 'test'"]);
  await page.goto('/environments');
  await expect(page.getByRole('row', { name: /Production/ }).getByText('Damaged')).toBeVisible();
  await look(page, 'damaged-environments');
  await page.goto('/');
  await expect(page.getByText('The database is damaged, or was changed from outside')).toBeVisible();
  await look(page, 'damaged-overview');
  // Within a second the audit log has a line for each.
  await expect(async () => {
    await page.goto('/audit');
    await expect(page.getByText('environment production', { exact: true })).toBeVisible({ timeout: 200 });
  }).toPass({ timeout: 5_000 });
  await look(page, 'damaged-audit');
  const findings = await keystead.run(['doctor', '--json']);
  expect(findings.code).toBe(1);
  for (const row of ['environment production', 'API key “Orders”', 'version 1 of scope production/DE']) {
    expect(findings.out).toContain(row);
  }
});
