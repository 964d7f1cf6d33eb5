// The main journey: from a bare install to a key that rotates by itself.

import type { Page } from '@playwright/test';
import { Administrator } from '../support/administrator';
import { expect, test } from '../support/fixtures';
import {
  addCountry,
  addEnvironment,
  button,
  confirmWith,
  expectError,
  field,
  link,
  proveWith,
  rows,
  said,
  signIn,
  signOut,
} from '../support/steps';

const KEYS = '/environments/production/DE/keys';
const effects = (page: Page) => page.getByRole('main').getByRole('listitem');

test('an administrator sets up Keystead, makes a key, rotates it, and sees it rotate by itself', async ({
  page,
  keystead,
}) => {
  const admin = new Administrator(keystead);

  await test.step('first run: what is wrong is said beside its field, and the rest is kept', async () => {
    await page.goto('/');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Set up Keystead');
    await field(page, 'Setup token').fill('not-the-token');
    await field(page, 'E-mail').fill(admin.email);
    await field(page, 'Password').fill(admin.password);
    await field(page, 'Repeat password').fill(admin.password);
    await button(page, 'Next').click();
    await expectError(page, 'Setup token', 'This is not the setup token');
    await expect(field(page, 'E-mail')).toHaveValue(admin.email);

    await field(page, 'Setup token').fill(keystead.setupToken());
    await field(page, 'Password').fill('password1234');
    await field(page, 'Repeat password').fill('password1234');
    await button(page, 'Next').click();
    await expectError(page, 'Password', 'on lists that attackers try first');
    await expect(field(page, 'Setup token')).toHaveAttribute('placeholder', '••••••');
    await expect(field(page, 'E-mail')).toHaveValue(admin.email);

    await field(page, 'Password').fill(admin.password);
    await field(page, 'Repeat password').fill(admin.password);
    await button(page, 'Next').click();
  });

  await test.step('the authenticator proves itself before anything is made', async () => {
    await expect(page.getByRole('img', { name: 'QR code for your authenticator app' })).toBeVisible();
    admin.enrol(await page.locator('.secret code').innerText());
    await proveWith(page, admin.wrongCode(), 'Next');
    await expectError(page, 'Verification code', 'Wrong or already used. Next code in');
    await proveWith(page, admin.nextCode(), 'Next');
  });

  await test.step('recovery codes are shown once', async () => {
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Recovery codes');
    await expect(page.locator('.recovery-codes code')).toHaveCount(10);
    await button(page, 'I have saved these codes').click();
    await expect(page).toHaveURL('/environments');
    await page.goto('/profile/recovery-codes/show');
    await expect(page).toHaveURL('/profile');
    await page.goto('/setup');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Nothing here');
  });

  await test.step('an environment and two countries', async () => {
    await page.goto('/environments');
    await expect(page.getByRole('heading', { name: 'No environments yet' })).toBeVisible();
    await addEnvironment(page, 'Production');
    await expect(page).toHaveURL('/environments/production');
    await expect(page.getByRole('heading', { name: 'No countries yet' })).toBeVisible();
    await addCountry(page, 'Germany');
    await addCountry(page, 'France');
    const tree = page.getByRole('navigation', { name: 'Main' });
    await expect(tree.getByRole('link', { name: 'France no key' })).toBeVisible();
    await tree.getByRole('link', { name: 'Germany no key' }).click();
  });

  await test.step('an empty scope says what is wrong and offers the first step', async () => {
    await expect(page).toHaveURL(KEYS);
    await expect(page.getByText('Services cannot encrypt here until you add a key.')).toBeVisible();
    await expect(link(page, 'Add version')).toHaveCount(0);
    await expect(link(page, 'Settings')).toHaveCount(0);
    await link(page, 'Add encryption key').first().click();
  });

  await test.step('"Add encryption key": what will happen, a wrong code, "Create"', async () => {
    await expect(page.getByRole('radio', { name: 'Managed' })).toBeChecked();
    await field(page, 'Rotation Period').selectOption('180 days');
    await button(page, 'Next').click();
    await expect(effects(page).filter({ hasText: 'Version 1 (Managed) becomes active and rotates every 180 days.' })).toBeVisible();
    await expect(effects(page).filter({ hasText: 'Remaining today: 0 of 1 Managed, 2 of 3 in total.' })).toBeVisible();
    const address = page.url();
    await confirmWith(page, admin.wrongCode(), 'Create');
    await expectError(page, 'Verification code', 'Wrong or already used. Next code in');
    await expect(page).toHaveURL(address);
    await expect(effects(page).filter({ hasText: 'Version 1 (Managed) becomes active' })).toBeVisible();
    await confirmWith(page, admin.nextCode(), 'Create');
    await expect(said(page)).toHaveText(/Version 1 is active/);
    await expect(page.getByRole('columnheader')).toHaveText(['Version', 'Type', 'Rotation period (months)', 'Created', 'Status', 'Encrypted', 'Decrypted (90 days)', 'Last used']);
    expect(await rows(page)).toEqual([['1', 'Managed', '6', expect.stringMatching(/^2 Nov 2026, 09:\d\d UTC$/), 'Active', '0', '0', 'Never']]);
  });

  await test.step('a second one the same day is refused: limit, count and reset are named', async () => {
    const reached = /1 of 1 new Managed version today\. Possible again in .+ \(3 Nov 2026, 00:00 UTC\)\./;
    await link(page, 'Add encryption key').click();
    await expect(page.getByRole('main').getByText(reached)).toBeVisible();
    await button(page, 'Next').click();
    await expect(page.getByRole('alert')).toHaveText(reached);
  });

  await test.step('the next day: sign in, land where one wanted to go, rotate', async () => {
    keystead.clock.advanceDays(1);
    await signIn(page, admin, KEYS);
    await link(page, 'Add version').click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Rotate encryption key');
    await expect(field(page, 'Rotation Period')).toHaveValue('180');
    await field(page, 'Rotation Period').selectOption('360 days');
    await button(page, 'Next').click();
    await expect(effects(page).filter({ hasText: 'Version 1 becomes Deprecated; it still decrypts.' })).toBeVisible();
    await confirmWith(page, admin.nextCode(), 'Rotate');
    await expect(said(page)).toHaveText(/Version 2 is active/);
    const made = expect.stringMatching(/UTC$/);
    expect(await rows(page)).toEqual([['2', 'Managed', '12', made, 'Active', '0', '0', 'Never'], ['1', 'Managed', '6', made, 'Deprecated', '0', '0', 'Never']]);
  });

  await test.step('"Settings": the period is edited', async () => {
    await link(page, 'Settings').click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Edit encryption key');
    await field(page, 'Rotation Period').selectOption('60 days');
    await button(page, 'Next').click();
    await expect(effects(page).filter({ hasText: 'Version 2 rotates every 60 days instead of every 360.' })).toBeVisible();
    await confirmWith(page, admin.nextCode(), 'Update');
    await expect(said(page)).toHaveText(/Next rotation: 2 Jan 2027, 09:\d\d UTC/);
    expect((await rows(page))[0]?.slice(0, 3)).toEqual(['2', 'Managed', '2']);
  });

  await test.step('61 days later the key has rotated by itself, once', async () => {
    keystead.clock.advanceDays(61);
    await signIn(page, admin, KEYS);
    await expect(async () => {
      await page.reload();
      expect((await rows(page)).map((row) => `${row[0]} ${row[4]}`)).toEqual(['3 Active', '2 Deprecated', '1 Deprecated']);
    }).toPass({ timeout: 20_000 });
    await link(page, '3').click();
    await expect(page.locator('.facts > div').filter({ hasText: 'Created by' })).toHaveText(/Keystead$/);
  });

  await test.step('the audit log tells it in order, refusals too', async () => {
    await page.getByRole('link', { name: 'Audit log', exact: true }).click();
    const events = (await rows(page)).map(([, who, action, where, outcome]) => [who, action?.split('\n')[0], where, outcome].join(' | '));
    const by = admin.email;
    const expected = [
      `Keystead | Automatic rotation | production/DE | Done`,
      `${by} | Edit encryption key | production/DE | Done`,
      `${by} | Rotate encryption key | production/DE | Done`,
      `${by} | Add encryption key | production/DE | Refused`,
      `${by} | Add encryption key | production/DE | Done`,
      `${by} | Add encryption key | production/DE | Refused`,
      `${by} | Add country | production/FR | Done`,
      `${by} | Add country | production/DE | Done`,
      `${by} | Add environment | production | Done`,
      `${by} | Set up Keystead | – | Done`,
    ];
    expect(events.filter((event) => expected.includes(event))).toEqual(expected);
  });

  await test.step('signed out, neither Back nor an address shows anything', async () => {
    await page.goto(KEYS);
    await signOut(page);
    await page.goBack();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
    await page.goto('/environments');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
  });
});
