// Environments and countries with any name: renamed, removed, found.

import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, awake, button, choose, confirmWith, createKey, expectError, field, link, more, said, signIn } from '../support/steps';
import { hasScript } from '../support/watch';

test('an environment is renamed and removed while it is empty, and its URL name can be used again', async ({ page, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Sandbox', 'Test');
  await expect(page.getByText('Test environment · sandbox')).toBeVisible();

  await more(page, 'Rename');
  await expect(field(page, 'Name')).toHaveValue('Sandbox');
  await field(page, 'Name').fill('Sandbox of Acme');
  await button(page, 'Rename').click();
  await expect(said(page)).toHaveText('Environment renamed to "Sandbox of Acme". Its URL name stays sandbox.');
  await expect(page).toHaveURL('/environments/sandbox');

  // No data is lost, so the page asks for no name and no code. It says what goes.
  await more(page, 'Remove');
  await expect(page.getByText('Sandbox of Acme has no countries and no encryption key, so no data is lost.')).toBeVisible();
  await expect(page.getByText('You can add the environment again. The URL name sandbox can be used again.')).toBeVisible();
  await button(page, 'Remove').click();
  await expect(said(page)).toHaveText('Environment "Sandbox of Acme" removed. The URL name sandbox can be used again.');

  await addEnvironment(page, 'Sandbox', 'Test');
  await expect(page).toHaveURL('/environments/sandbox');
  await page.goto('/environments');
  await field(page, 'Name').fill('Another one');
  await field(page, 'URL name').fill('sandbox');
  await choose(page, 'Test');
  await button(page, 'Add environment').click();
  await expectError(page, 'URL name', 'Another environment has the URL name "sandbox"');
  await expect(field(page, 'Name')).toHaveValue('Another one');
  await expect(page.getByRole('radio', { name: 'Test' })).toBeChecked();

  // The lines of the first and of the second one are told apart.
  await page.goto('/audit?place=sandbox');
  const ids = await page.locator('tbody tr .cell-note', { hasText: /^ID [0-9a-f-]{36}$/ }).allInnerTexts();
  expect(ids).toHaveLength(4);
  expect(new Set(ids).size).toBe(2);
  const second = ids[0]?.slice(3) ?? '';
  await field(page, 'Where').fill(second);
  await button(page, 'Search').click();
  await expect(page.locator('tbody tr')).toHaveCount(1);
});

test('the kind of an environment is changed, with a code once it has a key', async ({ page, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Staging');
  await addCountry(page, 'Kosovo');
  const tree = page.getByRole('navigation', { name: 'Main' });
  const state = tree.getByRole('link', { name: 'Kosovo no key' }).locator('.tree-state');
  await expect(state).toHaveAttribute('data-tone', 'bad');
  await more(page, 'Change kind');
  await expect(page.getByText('With Test: Keystead will no longer flag 1 country without a key.')).toBeVisible();
  await expect(page.getByRole('radio', { name: 'Production' })).toBeChecked();
  await button(page, 'Change kind').click();
  await expect(page.getByText('The kind is Production already. Choose the other one.').first()).toBeVisible();
  await choose(page, 'Test');
  await button(page, 'Change kind').click();
  await expect(said(page)).toHaveText('The kind is now Test.');
  await expect(page.getByText('Test environment · staging')).toBeVisible();
  await expect(state).toHaveAttribute('data-tone', 'quiet');

  await createKey(page, admin, 'staging/XK');
  await page.goto('/environments/staging/kind');
  await choose(page, 'Production');
  await button(page, 'Next').click();
  await expect(page.getByText('The kind of "Staging" changes from Test to Production.')).toBeVisible();
  await confirmWith(page, admin.nextCode(), 'Change kind');
  await expect(said(page)).toHaveText('The kind is now Production.');
  await expect(page.getByText('Production environment · staging')).toBeVisible();
});

test('an API key reaches environments of one kind only', async ({ page, admin }) => {
  await signIn(page, admin);
  for (const [name, kind] of [['Production', 'Production'], ['Live', 'Production'], ['Staging', 'Test']] as const) {
    await addEnvironment(page, name, kind);
    await addCountry(page, 'Germany');
  }
  await page.goto('/api-keys/add');
  await field(page, 'Name').fill('Orders');
  for (const name of ['Production', 'Staging']) await page.getByLabel(`All of ${name}`).check();
  await field(page, 'encrypt').check();
  await button(page, 'Next').click();
  const refused = 'A key reaches environments of one kind only. These scopes are of both kinds: Production (production) and Test (staging).';
  await expect(page.getByText(refused).first()).toBeVisible();
  await page.getByLabel('All of Staging').uncheck();
  await page.getByLabel('All of Live').check();
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Create');
  await button(page, 'I have saved this key').click();
  await page.goto('/environments/live/kind');
  await choose(page, 'Test');
  await button(page, 'Change kind').click();
  await expect(page.getByText('The API key "Orders" reaches this environment and another one').first()).toBeVisible();
  await expect(page.getByRole('radio', { name: 'Test' })).toBeChecked();
});

test('an environment gets any name, and the URL name that somebody chooses', async ({ page, admin }) => {
  await signIn(page, admin);
  const form = page.locator('form').filter({ has: button(page, 'Add environment') });
  const add = async (name: string, url: string) => {
    await page.goto('/environments');
    await field(page, 'Name').fill(name);
    await field(page, 'URL name').fill(url);
    if (await hasScript(page)) {
      const slug = url || name.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
      await expect(form.locator('.url-preview code')).toHaveText(`/environments/${slug}`);
    }
    await button(page, 'Add environment').click();
  };
  await add('Müller', '');
  await expect(page).toHaveURL('/environments/muller');
  await add('Mäller', '');
  await expect(page).toHaveURL('/environments/maller');
  await add('本番', 'live-jp');
  await expect(page).toHaveURL('/environments/live-jp');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('本番');
  await add('M\u00fcll\u0435r', 'other');
  await expectError(page, 'Name', 'This name looks like that of the environment "Müller".');
  await page.goto('/environments');
  await field(page, 'Name').fill('試験');
  await button(page, 'Add environment').click();
  await expectError(page, 'URL name', 'Enter a URL name.');
  await expect(field(page, 'Name')).toHaveValue('試験');
});

test('what cannot be added is said beside its field, which keeps what was typed', async ({ page, context, admin }) => {
  await signIn(page, admin);
  await test.step('a name of more than 60 characters', async () => {
    const long = 'Production of the '.repeat(4);
    await field(page, 'Name').fill(long);
    await button(page, 'Add environment').click();
    await expectError(page, 'Name', 'Use at most 60 characters.');
    await expect(field(page, 'Name')).toHaveValue(long);
  });
  await test.step('no name at all', async () => {
    await field(page, 'Name').fill('  ');
    await button(page, 'Add environment').click();
    await expectError(page, 'Name', 'Enter a name.');
  });
  await test.step('a country twice, from a page that is out of date', async () => {
    await addEnvironment(page, 'Production');
    const other = await context.newPage();
    await other.goto('/environments/production');
    await addCountry(page, 'Japan');
    await field(other, 'Country').selectOption({ label: 'Japan' });
    await button(other, 'Add country').click();
    await expectError(other, 'Country', 'Japan is already in this environment.');
    await other.close();
  });
  await test.step('no country at all', async () => {
    await button(page, 'Add country').click();
    await expectError(page, 'Country', /\w/);
  });
});

test('what holds a key stays, what holds none can go', async ({ page, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await addCountry(page, 'France');
  await createKey(page, admin, 'production/DE');
  const tree = page.getByRole('navigation', { name: 'Main' });
  await expect(tree.getByRole('link', { name: 'Germany', exact: true })).toBeVisible();
  await expect(tree.getByRole('link', { name: 'France no key', exact: true })).toBeVisible();

  for (const path of ['/environments/production/remove', '/environments/production/DE/remove']) {
    await page.goto(path);
    await expect(page.getByText('This cannot be removed')).toBeVisible();
    await expect(button(page, 'Remove')).toHaveCount(0);
  }
  await page.goto('/api-keys/add');
  await field(page, 'Name').fill('Trial');
  await page.getByLabel('France (FR)').check();
  await field(page, 'encrypt').check();
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Create');
  await button(page, 'I have saved this key').click();
  await page.goto('/environments/production');
  await link(page, 'Remove France').click();
  await expect(page.getByText(/^The API key "Trial" loses its access to production\/FR\./)).toBeVisible();
  await expect(page.getByText('France has no encryption key, so no data is lost.')).toBeVisible();
  await button(page, 'Remove').click();
  await expect(said(page)).toHaveText('France removed from production.');
  await addCountry(page, 'France');
});

test('the sidebar finds environments and countries by name and code', async ({ page, admin }) => {
  await signIn(page, admin);
  for (const name of ['Production', 'Staging']) {
    await addEnvironment(page, name);
    await addCountry(page, 'Germany');
    await addCountry(page, 'France');
  }
  const tree = page.getByRole('navigation', { name: 'Main' });
  const find = async (words: string) => {
    const box = tree.getByRole('searchbox');
    await box.fill(words);
    if (!(await hasScript(page))) await box.press('Enter');
  };
  await awake(page);
  await expect(tree.getByRole('link', { name: /Germany|France/ })).toHaveCount(4);
  await find('ger');
  await expect(tree.getByRole('link', { name: /Germany/ })).toHaveCount(2);
  await expect(tree.getByRole('link', { name: /France/ })).toHaveCount(0);
  await find('staging fr');
  await expect(tree.getByRole('link', { name: /France/ })).toHaveCount(1);
  await expect(tree.getByRole('link', { name: 'Production' })).toHaveCount(0);
  await find('');
  await expect(tree.getByRole('link', { name: /Germany|France/ })).toHaveCount(4);
});

test('a name full of markup is text on every page', async ({ page, admin }) => {
  const evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>';
  await signIn(page, admin);
  await addEnvironment(page, evil);
  const home = new URL(page.url()).pathname;
  await addCountry(page, 'Germany');
  await createKey(page, admin, `${home.split('/').at(-1)}/DE`);
  const places = ['/environments', home, `${home}/rename`, `${home}/remove`, `${home}/DE/remove`, '/audit'];
  const below = ['', '/add', '/rotate', '/settings', '/1'].map((step) => `${home}/DE/keys${step}`);
  for (const path of [...places, ...below]) {
    await page.goto(path);
    await expect(page.getByText(evil).first(), path).toBeVisible();
    await expect(page.locator('img, script:not([nonce])'), path).toHaveCount(0);
  }
});
