// The overview: what needs attention, the grid of all countries, the calendar; and an environment with many countries.

import { expect, test } from '../support/fixtures';
import { look } from '../support/look';
import { addCountry, addEnvironment, button, createKey, field, link, signIn } from '../support/steps';
import { hasScript } from '../support/watch';

const COUNTRIES = ['DE', 'FR', 'JP', 'BR', 'AT', 'BE', 'CH', 'DK', 'ES', 'FI', 'GB', 'IE'];

test('the overview leads to the first key, and says what needs attention', async ({ page, keystead, admin }) => {
  await signIn(page, admin, '/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Overview');
  await expect(page.getByRole('heading', { name: 'No environments yet' })).toBeVisible();
  await link(page, 'Add environment').click();
  await expect(page).toHaveURL('/environments');
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Japan');
  await addCountry(page, 'Germany');
  await link(page, 'Add encryption key').click();
  await expect(page).toHaveURL('/environments/production/DE/keys/add');
  await createKey(page, admin, 'production/DE');
  await addEnvironment(page, 'Staging', 'Test');
  await addCountry(page, 'France');

  await page.goto('/');
  const attention = page.getByRole('region', { name: /^Needs attention/ });
  await expect(attention.getByRole('listitem')).toHaveCount(1);
  await expect(attention).toContainText('Services cannot encrypt until you add a key.');
  const grid = page.getByRole('table');
  await expect(grid.getByRole('columnheader')).toHaveText(['Environment', /France/, /Germany/, /Japan/]);
  await expect(grid.getByRole('row', { name: /^Production/ })).toContainText(/v1 Managed/);
  if (await hasScript(page)) await look(page, 'overview');
  await attention.getByRole('link', { name: 'Japan · Production' }).click();
  await expect(page).toHaveURL('/environments/production/JP/keys');

  await page.goto('/');
  await field(page, 'Filter').fill('production/germany');
  await field(page, 'Filter').press('Enter');
  await expect(grid.getByRole('columnheader')).toHaveText(['Environment', /Germany/]);
  await expect(grid.getByRole('rowheader')).toHaveText([/^Production/]);
  await field(page, 'Show').selectOption('Only what needs attention');
  await button(page, 'Apply').click();
  await expect(page.getByText('No environment or country matches this filter.')).toBeVisible();
  await field(page, 'Filter').fill('');
  await button(page, 'Apply').click();
  await expect(grid.getByRole('columnheader')).toHaveText(['Environment', /Japan/]);
  await link(page, 'Clear').click();
  await expect(page).toHaveURL('/');

  await link(page, 'Calendar').click();
  await link(page, 'Next month').click();
  const rotation = page.getByRole('link', { name: 'Rotation: Germany · Production' });
  await expect(rotation).toBeVisible();
  if (await hasScript(page)) await look(page, 'calendar');
  await link(page, 'List').click();
  await expect(page.getByRole('row').filter({ hasText: 'Germany · Production' })).toContainText('Rotation');
  if (await hasScript(page)) await look(page, 'calendar-list');

  keystead.clock.advance(25 * 86_400);
  await signIn(page, admin, '/');
  await expect(attention.getByRole('listitem').filter({ hasText: 'Germany · Production' })).toContainText('due soon');
  await expect(attention.getByRole('listitem').filter({ hasText: 'Backup' })).toContainText('None was ever made.');
  await attention.getByRole('link', { name: 'Backup' }).click();
  await expect(page.getByText('An operator runs keystead backup on the host')).toBeInViewport();
});

test('an environment with many countries is filtered and sorted', async ({ page, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  for (const code of COUNTRIES) {
    await field(page, 'Country').selectOption(code);
    await button(page, 'Add country').click();
    await expect(page).toHaveURL(`/environments/production?new=${code}`);
  }
  await createKey(page, admin, 'production/FI');
  await page.goto('/environments/production');
  const first = page.locator('tbody tr').first();
  await expect(page.locator('tbody tr')).toHaveCount(12);
  await expect(first).toContainText('Austria');
  if (await hasScript(page)) await look(page, 'environment-many');
  await page.getByRole('columnheader', { name: 'Version' }).getByRole('link').click();
  await expect(first).toContainText('Finland');
  await expect(page.getByRole('columnheader', { name: 'Version' })).toHaveAttribute('aria-sort', 'ascending');
  await page.getByRole('columnheader', { name: 'Country' }).getByRole('link').click();
  await page.getByRole('columnheader', { name: 'Country' }).getByRole('link').click();
  await expect(first).toContainText('United Kingdom');
  await field(page, 'Filter countries').fill('suomi');
  await button(page, 'Apply').click();
  await expect(page.locator('tbody tr')).toHaveCount(1);
  await expect(first).toContainText('Active');
  await field(page, 'Only without key').check();
  await button(page, 'Apply').click();
  await expect(page.getByText('No country matches this filter.')).toBeVisible();
  await link(page, 'Clear').click();
  await expect(page.locator('tbody tr')).toHaveCount(12);
});
