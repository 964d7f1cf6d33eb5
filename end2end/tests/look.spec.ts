// Every page, empty and filled: readable for everybody, in light and dark, on a phone, by keyboard.

import type { Locator } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { look } from '../support/look';
import {
  addCountry,
  addEnvironment,
  awake,
  button,
  confirmWith,
  createKey,
  field,
  link,
  proveWith,
  said,
  signIn,
} from '../support/steps';

const KEYS = '/environments/production/DE/keys';

test('the pages of a first run', async ({ page, keystead }) => {
  await page.goto('/setup');
  await look(page, 'setup');
  await button(page, 'Next').click();
  await look(page, 'setup-refused');
  await field(page, 'Setup token').fill(keystead.setupToken());
  await field(page, 'E-mail').fill('ada@example.com');
  await field(page, 'Password').fill('seven quiet otters paint bridges');
  await field(page, 'Repeat password').fill('seven quiet otters paint bridges');
  await button(page, 'Next').click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Set up your authenticator');
  await look(page, 'setup-authenticator');
});

test('the pages of signing in', async ({ page, admin }) => {
  await page.goto('/sign-in');
  await look(page, 'sign-in');
  await field(page, 'E-mail').fill(admin.email);
  await field(page, 'Password').fill('wrong');
  await button(page, 'Sign in').click();
  await look(page, 'sign-in-refused');
  await page.goto('/nothing-here');
  await look(page, 'nothing-here');
  await page.goto('/sign-in');
  await field(page, 'E-mail').fill(admin.email);
  await field(page, 'Password').fill(admin.password);
  await button(page, 'Sign in').click();
  await look(page, 'sign-in-code');
  await page.getByRole('link', { name: 'Use a recovery code' }).click();
  await look(page, 'sign-in-recovery');
  await field(page, 'Recovery code').fill(admin.recoveryCodes[0] ?? '');
  await button(page, 'Sign in').click();
  await look(page, 'new-authenticator');
});

test('the pages of environments', async ({ page, admin }) => {
  await signIn(page, admin);
  await look(page, 'environments-empty');
  await page.goto('/nothing-here');
  await look(page, 'nothing-here-framed');
  await addEnvironment(page, 'Production');
  await look(page, 'environment-empty');
  await addCountry(page, 'Germany');
  await look(page, 'environment-said');
  await addCountry(page, 'South Georgia & South Sandwich Islands');
  await page.goto(KEYS);
  await look(page, 'keys-empty');
  await createKey(page, admin, 'production/DE');
  await addEnvironment(page, 'Sandbox of a customer with a name that is long to read aloud', 'Test');
  const sandbox = new URL(page.url()).pathname;
  for (const path of ['/environments', '/environments/production', '/environments/production/rename', '/environments/production/kind', '/environments/production/limits', '/environments/production/remove']) {
    await page.goto(path);
    await look(page, path.slice(1).replaceAll('/', '-'));
  }
  await page.goto(`${sandbox}/remove`);
  await look(page, 'remove');
});

test('the pages of keys and the audit log', async ({ page, keystead, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await page.goto(`${KEYS}/add`);
  await look(page, 'add');
  await createKey(page, admin, 'production/DE');
  await look(page, 'keys-made');
  await page.goto(`${KEYS}/add`);
  await button(page, 'Next').click();
  await look(page, 'add-refused');
  keystead.clock.advanceDays(1);
  await signIn(page, admin, KEYS);
  await link(page, 'Add version').click();
  await look(page, 'rotate');
  await button(page, 'Next').click();
  await confirmWith(page, admin.wrongCode(), 'Rotate');
  await look(page, 'confirm-refused');
  await confirmWith(page, admin.nextCode(), 'Rotate');
  for (const path of [KEYS, `${KEYS}/settings`, `${KEYS}/1`, '/audit']) {
    await page.goto(path);
    await look(page, path.slice(1).replaceAll('/', '-'));
  }
});

test('the pages of a profile', async ({ page, admin }) => {
  await signIn(page, admin, '/profile');
  await look(page, 'profile');
  await page.goto('/profile/password');
  await button(page, 'Next').click();
  await look(page, 'password-refused');
  await page.goto('/profile/authenticator');
  await look(page, 'replace-authenticator');
  await field(page, 'Current password').fill(admin.password);
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Continue');
  await look(page, 'replace-authenticator-enrol');
  await page.goto('/profile/recovery-codes');
  await field(page, 'Current password').fill(admin.password);
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Replace codes');
  await look(page, 'recovery-codes');
  await page.goto('/profile');
  await look(page, 'profile-unsaved');
});

test('everything is reached with the keyboard, on a screen and on a phone', async ({ page, admin }) => {
  const tabTo = async (name: string, most: number) => {
    const wanted = page.getByRole('main').locator(`text="${name}"`).first();
    for (let presses = 0; presses < most; presses += 1) {
      await page.keyboard.press('Tab');
      if (await wanted.evaluate((element) => element === document.activeElement)) return;
    }
    throw new Error(`${most} times Tab does not reach ${name}`);
  };
  await page.goto('/sign-in');
  await expect(field(page, 'E-mail')).toBeFocused();
  await page.keyboard.type(admin.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type(admin.password);
  await page.keyboard.press('Enter');
  await expect(field(page, 'Verification code')).toBeFocused();
  await proveWith(page, admin.nextCode(), 'Sign in');
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');

  await page.goto(KEYS);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeInViewport();
  await page.keyboard.press('Enter');
  await tabTo('Add encryption key', 4);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${KEYS}/add`);
  await tabTo('Next', 40);
  await page.keyboard.press('Enter');
  await expect(field(page, 'Verification code')).toBeFocused();
  await page.keyboard.type(admin.nextCode());
  await tabTo('Create', 3);
  await page.keyboard.press('Enter');
  await expect(said(page)).toHaveText(/Version 1 is active/);

  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto('/environments');
  await awake(page);
  const menu = page.getByRole('navigation', { name: 'Main' });
  await expect(menu).toBeHidden();
  await button(page, 'Open menu').focus();
  await page.keyboard.press('Enter');
  await expect(menu).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(menu).toBeHidden();
});

test('with forced colours, the current one of several can be told from the others', async ({ page, admin }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await signIn(page, admin, '/audit');
  const background = (locator: Locator) => locator.evaluate((element) => getComputedStyle(element).backgroundColor);
  for (const [current, other] of [
    ['.tab[aria-current]', '.tab:not([aria-current])'],
    ['.sidebar-link[aria-current]', '.sidebar-link:not([aria-current])'],
    ['.theme-switch [aria-pressed="true"]', '.theme-switch [aria-pressed="false"]'],
  ]) {
    const [one, two] = [page.locator(current ?? '').first(), page.locator(other ?? '').first()];
    expect(await background(one), current).not.toBe(await background(two));
  }
});

test('the audit log is printed as a table, without its form, 50 events on at most three pages', async ({ page, keystead, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  const codes = await field(page, 'Country').locator('option').evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
  for (const country of codes.filter((code) => code !== '').slice(0, 52)) {
    const headers = { origin: keystead.url, 'sec-fetch-site': 'same-origin' };
    const answer = await page.request.post('/environments/production', { form: { country }, headers, maxRedirects: 0 });
    expect(answer.status()).toBe(303);
  }
  await page.goto('/audit?place=production');
  expect(await page.locator('main tbody tr').count()).toBe(50);
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByText('Portal: where production')).toBeVisible();
  for (const name of ['Search', 'CSV']) await expect(button(page, name)).toBeHidden();
  await expect(page.getByRole('navigation', { name: 'Event source' })).toBeHidden();
  const sheets = (await page.pdf({ format: 'A4' })).toString('latin1').match(/\/Type\s*\/Page\b/g) ?? [];
  expect(sheets.length).toBeGreaterThan(0);
  expect(sheets.length).toBeLessThanOrEqual(3);
});
