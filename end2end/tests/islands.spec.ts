// Features that scripts add. All of them are conveniences: other journeys show that the pages work without script.

import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, awake, button, createKey, field, said, signIn } from '../support/steps';

/** Sets the browser's clock to the server's time. */
async function sameTime(page: Page, now: Date): Promise<void> {
  await page.clock.install({ time: now });
}

test('the code field takes digits only and sends itself where it signs in, not where it changes', async ({ page, admin }) => {
  await page.goto('/sign-in');
  await field(page, 'E-mail').fill(admin.email);
  await field(page, 'Password').fill(admin.password);
  await button(page, 'Sign in').click();
  const code = field(page, 'Verification code');
  await awake(page);
  await expect(code).toBeFocused();
  await code.pressSequentially('a1 b2-3');
  await expect(code).toHaveValue('123');
  await code.fill('');
  const right = admin.nextCode();
  await code.fill(`${right.slice(0, 3)} ${right.slice(3)}`);
  await expect(page).toHaveURL('/');

  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await page.goto('/environments/production/DE/keys/add');
  await button(page, 'Next').click();
  await awake(page);
  const address = page.url();
  await code.pressSequentially(admin.nextCode());
  await expect(code).toHaveValue(/^\d{6}$/);
  // Waits on purpose: a form that sent itself would have been answered by then.
  await page.waitForTimeout(500);
  await expect(page).toHaveURL(address);
  await button(page, 'Create').click();
  await expect(said(page)).toHaveText(/Version 1 is active/);
});

test('the URL of a new environment is shown while its name is typed', async ({ page, admin }) => {
  await signIn(page, admin);
  await awake(page);
  const name = field(page, 'Name');
  await name.pressSequentially('EU Production');
  await expect(page.getByText('URL: /environments/eu-production', { exact: true })).toBeVisible();
  await name.fill('!!!');
  await expect(page.getByText('URL: /environments/')).toHaveCount(0);
  await name.fill('Übung 2');
  await expect(page.getByText('URL: /environments/ubung-2', { exact: true })).toBeVisible();
});

test('Enter right after the sixth digit does not send the code a second time', async ({ page, admin }) => {
  await page.goto('/sign-in');
  await field(page, 'E-mail').fill(admin.email);
  await field(page, 'Password').fill(admin.password);
  await button(page, 'Sign in').click();
  await awake(page);
  // A slow network: the answer is still on its way when Enter is pressed.
  let sent = 0;
  await page.route('**/sign-in/code', async (route) => {
    sent += 1;
    await new Promise((wake) => setTimeout(wake, 500));
    await route.continue();
  });
  await page.keyboard.type(admin.nextCode());
  await expect.poll(() => sent).toBe(1);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/');
  expect(sent).toBe(1);
});

test('times, countdowns and copy buttons', async ({ page, context, keystead, admin }) => {
  await sameTime(page, keystead.clock.now());
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await test.step('a countdown ticks', async () => {
    await page.goto('/environments/production/DE/keys/add');
    await button(page, 'Next').click();
    await awake(page);
    const left = page.locator('.countdown time');
    await expect(left).toHaveText(/^in [45]:\d\d$/);
    const before = await left.innerText();
    await expect(left).not.toHaveText(before);
  });
  await createKey(page, admin, 'production/DE');
  await test.step('every time says what it is here', async () => {
    for (const time of await page.locator('time').all()) await expect(time).toHaveAttribute('title', /\d, your time$/);
  });
  await test.step('a click copies', async () => {
    await page.goto('/environments/production/DE/keys/1');
    await awake(page);
    await page.locator('.copy').filter({ hasText: 'production/DE' }).getByRole('button').click();
    await expect(page.getByText('Copied')).toBeVisible();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('production/DE');
  });
});

test('a country is found and added with the keyboard alone', async ({ page, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await awake(page);
  const search = page.getByRole('searchbox', { name: 'Search countries' });
  const found = field(page, 'Country').getByRole('option');
  await search.focus();
  // The prompt of the list is no country.
  await page.keyboard.type('choose');
  await expect(found).toHaveCount(0);
  await search.fill('');
  await page.keyboard.type('united');
  await expect(found.first()).toHaveText(/^United/);
  const many = await found.count();
  await page.keyboard.press('ArrowDown');
  await expect(field(page, 'Country')).toBeFocused();
  await page.keyboard.press('ArrowDown');
  const second = await found.nth(1).innerText();
  expect(many).toBeGreaterThan(1);
  await page.keyboard.press('Tab');
  await expect(button(page, 'Add country')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(said(page)).toContainText(`${second} added.`);

  await search.focus();
  await page.keyboard.type('jp');
  await expect(found).toHaveText(['Japan']);
  await page.keyboard.press('Enter');
  await expect(said(page)).toContainText('Japan added.');
});

test('the theme changes at once and stays, with script and without', async ({ page, browser, keystead, admin }) => {
  const html = (on: Page) => on.locator('html');
  const background = (on: Page) => on.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);
  await signIn(page, admin);
  await awake(page);
  const light = await background(page);
  let loads = 0;
  page.on('load', () => (loads += 1));
  await button(page, 'Dark theme').click();
  await expect(html(page)).toHaveAttribute('data-theme', 'dark');
  await expect(button(page, 'Dark theme')).toHaveAttribute('aria-pressed', 'true');
  expect(await background(page)).not.toBe(light);
  expect(loads).toBe(0);
  await page.reload();
  await expect(html(page)).toHaveAttribute('data-theme', 'dark');

  const plain = await browser.newContext({ baseURL: keystead.url, javaScriptEnabled: false });
  const other = await plain.newPage();
  await signIn(other, admin, '/audit');
  await button(other, 'Dark theme').click();
  await expect(other).toHaveURL('/audit');
  await expect(html(other)).toHaveAttribute('data-theme', 'dark');
  await other.goto('/profile');
  await expect(html(other)).toHaveAttribute('data-theme', 'dark');
  await button(other, 'System theme').click();
  await expect(html(other)).not.toHaveAttribute('data-theme');
  await plain.close();
});

test('a country is found by the names that people use, and Enter adds only what matches alone', async ({ page, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  const search = page.getByRole('searchbox', { name: 'Search countries' });
  const found = field(page, 'Country').getByRole('option');
  await awake(page);
  for (const [typed, first] of [
    ['turkey', 'Türkiye'],
    ['HOLLAND', 'Netherlands'],
    ['cote d', 'Côte d’Ivoire'],
    ['czech rep', 'Czechia'],
    ['bosnia and', 'Bosnia & Herzegovina'],
    ['reunion', 'Réunion'],
    ['great brit', 'United Kingdom'],
  ]) {
    await search.fill(typed ?? '');
    await expect(found.first(), typed).toHaveText(first ?? '');
    await expect(page.getByText(`Enter chooses ${first}.`), typed).toBeVisible();
  }
  await search.fill('korea');
  await expect(found).toHaveText(['North Korea', 'South Korea']);
  await expect(page.getByText('2 countries match. Choose one below, or type more.')).toBeVisible();
  await search.press('Enter');
  // Waits on purpose: a form that was sent would have been answered by then.
  await page.waitForTimeout(300);
  await expect(page.getByText('2 countries match.')).toBeVisible();
  await search.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await button(page, 'Add country').click();
  await expect(said(page)).toContainText('South Korea added.');
  for (const [typed, name] of [
    ['uk', 'United Kingdom'],
    ['USA', 'United States'],
    ['guinea', 'Guinea'],
    ['ukr', 'Ukraine'],
  ]) {
    await awake(page);
    await search.fill(typed ?? '');
    await search.press('Enter');
    await expect(said(page), typed).toContainText(`${name} added.`);
  }
});

test('where WebAssembly is blocked, every page works as without script', async ({ page, admin }) => {
  await page.addInitScript(() => {
    const blocked = () => Promise.reject(new Error('blocked'));
    Object.assign(WebAssembly, { instantiate: blocked, instantiateStreaming: blocked, compile: blocked, compileStreaming: blocked });
  });
  const asleep = () => expect(page.locator('html')).toHaveAttribute('data-asleep');
  await page.goto('/sign-in');
  await field(page, 'E-mail').fill(admin.email);
  await field(page, 'Password').fill(admin.password);
  await button(page, 'Sign in').click();
  await asleep();
  await expect(field(page, 'Verification code')).toHaveAttribute('maxlength', '6');
  await field(page, 'Verification code').fill(admin.nextCode());
  await button(page, 'Sign in').click();
  await expect(page).toHaveURL('/');
  await addEnvironment(page, 'Production');
  await asleep();
  await expect(page.getByRole('searchbox', { name: 'Search countries' })).toBeHidden();
  await addCountry(page, 'Germany');
  await page.goto('/environments/production/DE/keys/add');
  await page.getByRole('group').getByText('Manual: AWS', { exact: true }).click();
  await field(page, 'Paste here').fill('AKIAIOSFODNN7EXAMPLE');
  await button(page, 'Fill in the fields').click();
  await expect(page.getByText('Fill in the fields')).toBeVisible();
  await createKey(page, admin, 'production/DE');
  await page.goto('/environments/production/DE/keys/1');
  await asleep();
  await expect(page.locator('.copy').first()).toBeVisible();
  await expect(page.locator('.needs-script').first()).toBeHidden();
  await expect(page.locator('.needs-script:visible')).toHaveCount(0);
});
