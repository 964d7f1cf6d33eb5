// The daily limits of an environment, and "Rotate now".

import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, button, confirmWith, createKey, expectError, field, link, more, said, signIn } from '../support/steps';
import type { Administrator } from '../support/administrator';

const KEYS = '/environments/production/DE/keys';

async function house(page: Page, admin: Administrator): Promise<void> {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
}

test('an environment gets limits of its own, and everything follows them', async ({ page, admin }) => {
  await house(page, admin);
  await createKey(page, admin, 'production/DE');
  await page.goto('/environments/production');
  await more(page, 'Change limits');
  await expect(page).toHaveURL('/environments/production/limits');
  await expect(field(page, 'Versions of one type per day')).toHaveValue('');
  await expect(field(page, 'Versions in total per day')).toHaveAccessibleDescription(/the server's setting, which is 3\./);

  await field(page, 'Versions of one type per day').fill('0');
  await button(page, 'Next').click();
  await expectError(page, 'Versions of one type per day', 'Enter a number from 1 to 100, or nothing');
  await expect(field(page, 'Versions of one type per day')).toHaveValue('0');
  await field(page, 'Versions of one type per day').fill('4');
  await button(page, 'Next').click();
  await expectError(page, 'Versions in total per day', 'At most 3 versions are possible in total');
  await field(page, 'Versions in total per day').fill('5');
  await field(page, 'Versions of one type per day').fill('2');
  await button(page, 'Next').click();
  await expect(page.getByText("Versions of one type per day: 2 instead of the server's setting, 1.")).toBeVisible();
  await expect(page.getByText("Versions in total per day: 5 instead of the server's setting, 3.")).toBeVisible();
  await link(page, 'Back').click();
  await expect(field(page, 'Versions in total per day')).toHaveValue('5');
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Update');
  await expect(said(page)).toHaveText('The limits are now 2 versions of one type and 5 in total per day.');

  await page.goto(KEYS);
  await expect(page.getByText('1 of 2 Managed')).toBeVisible();
  await expect(page.getByText('limit set for this environment').first()).toBeHidden();
  await page.getByText('Limits', { exact: true }).click();
  await expect(page.getByText('limit set for this environment').first()).toBeVisible();
  await page.goto(`${KEYS}/rotate`);
  await expect(page.getByText('limits set for this environment')).toBeVisible();
  await button(page, 'Next').click();
  await expect(page.getByText('Remaining today: 0 of 2 Managed, 3 of 5 in total.')).toBeVisible();
  await confirmWith(page, admin.nextCode(), 'Rotate');
  await expect(said(page)).toContainText('Version 2 is active.');

  await page.goto('/audit');
  await expect(page.getByText("of one type: 1 (server's setting) → 2; in total: 3 (server's setting) → 5")).toBeVisible();
  await page.goto('/environments/production/limits');
  await field(page, 'Versions of one type per day').fill('');
  await field(page, 'Versions in total per day').fill('');
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Update');
  await expect(said(page)).toHaveText('The limits are now 1 version of one type and 3 in total per day.');
  await page.goto(KEYS);
  await expect(page.getByText('2 of 1 Managed').first()).toBeVisible();
});

test('a key is rotated now, past the limit of its type, and never past that of all types', async ({ page, admin }) => {
  await house(page, admin);
  await createKey(page, admin, 'production/DE');
  for (const version of [2, 3]) {
    await page.goto(`${KEYS}/rotate`);
    const made = version === 2 ? '1 of 1 new Managed version today' : '2 new Managed versions made today, the limit is 1';
    await expect(page.getByText(`${made}. Possible again in`)).toBeVisible();
    await expect(page.getByRole('heading', { name: 'Rotate now' })).toBeVisible();
    if (version === 2) {
      await field(page, 'Confirm').fill('production/AT');
      await button(page, 'Next').click();
      await expectError(page, 'Reason', 'Enter a reason. Keystead records it in the audit log.');
      await expectError(page, 'Confirm', 'Type production/DE to confirm the rotation.');
    }
    await field(page, 'Reason').fill('A laptop was stolen; ticket 17');
    await field(page, 'Confirm').fill('production/DE');
    await field(page, 'Rotation Period').selectOption('60 days');
    await button(page, 'Next').click();
    const passed = version === 2 ? '1 of 1 new Managed version made today already' : '2 new Managed versions made today already, the limit is 1';
    await expect(page.getByText(`This version passes the daily limit: ${passed}.`)).toBeVisible();
    await expect(page.getByText('Reason: A laptop was stolen; ticket 17')).toBeVisible();
    await confirmWith(page, admin.nextCode(), 'Rotate now');
    await expect(said(page)).toContainText(`Version ${version} is active.`);
    await expect(page.getByText(`${version} of 1 Managed`).first()).toBeVisible();
  }
  await page.goto(`${KEYS}/rotate`);
  await expect(page.getByText(/“Rotate now” is not possible either: .*\(3 of 3 used today\)/)).toBeVisible();
  await expect(button(page, 'Next')).toHaveCount(0);
  await expect(field(page, 'Reason')).toHaveCount(0);
  await link(page, 'Cancel').click();
  await expect(page).toHaveURL(KEYS);

  await page.goto('/audit');
  const line = page.locator('tbody tr', { hasText: 'passes the daily limit: 2 of 1 Managed before it; reason: "A laptop was stolen; ticket 17"' });
  await expect(line).toContainText('Rotate now');
});
