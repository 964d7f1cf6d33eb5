// People: signing in, and the factors that prove who they are.

import type { Page } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { Administrator } from '../support/administrator';
import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, button, confirmWith, createKey, expectError, field, link, proveWith, rows, said, signIn, signOut } from '../support/steps';
import { hasScript, watch } from '../support/watch';

test('signing in says no more than it must, and slows down who guesses', async ({ page, keystead, admin }) => {
  const wrong = 'E-mail or password is wrong.';
  const attempt = async (email: string, password: string) => {
    await field(page, 'E-mail').fill(email);
    await field(page, 'Password').fill(password);
    await button(page, 'Sign in').click();
  };
  await page.goto('/sign-in');
  await test.step('a wrong password and an unknown address: the same words', async () => {
    await attempt(admin.email, 'not the password');
    await expect(page.getByRole('alert')).toHaveText(wrong);
    await expect(field(page, 'E-mail')).toHaveValue(admin.email);
    await expect(field(page, 'Password')).toHaveValue('');
    await attempt('nobody@example.com', admin.password);
    await expect(page.getByRole('alert')).toHaveText(wrong);
  });
  await test.step('five wrong ones: wait, and the others need not', async () => {
    for (let tries = 1; tries < 5; tries += 1) {
      await attempt('nobody@example.com', `guess ${tries}`);
      await expect(page.getByRole('alert')).toHaveText(wrong);
    }
    await attempt('nobody@example.com', 'guess 5');
    await expect(page.getByRole('alert')).toHaveText(/^Too many tries\. Try again in (1 min|\d+ s)\.$/);
    keystead.clock.advance(61);
    await attempt('nobody@example.com', 'guess 6');
    await expect(page.getByRole('alert')).toHaveText(wrong);
  });
  await test.step('a code works once', async () => {
    await signIn(page, admin);
    await signOut(page);
    await attempt(admin.email, admin.password);
    await proveWith(page, admin.usedCode(), 'Sign in');
    await expectError(page, 'Verification code', 'Wrong or already used. Next code in');
    await proveWith(page, admin.nextCode(), 'Sign in');
    await expect(page).toHaveURL('/');
  });
});

test('strangers who guess lock out neither a session nor a browser that signed in before', async ({ page, browser, keystead, admin }) => {
  const attempt = async (where: Page, password: string) => {
    await where.goto('/sign-in');
    await field(where, 'E-mail').fill(admin.email);
    await field(where, 'Password').fill(password);
    await button(where, 'Sign in').click();
  };
  const elsewhere = await browser.newContext({ baseURL: keystead.url });
  const stranger = await elsewhere.newPage();
  const guess = async () => {
    for (let tries = 1; tries <= 6; tries += 1) await attempt(stranger, `guess ${tries}`);
    await expect(stranger.getByRole('alert')).toHaveText(/^Too many tries\./);
  };
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await guess();
  await test.step('the code of somebody who is signed in is accepted', async () => {
    await createKey(page, admin, 'production/DE');
  });
  await test.step('their browser signs in again, with password and code', async () => {
    await signOut(page);
    await attempt(page, admin.password);
    await proveWith(page, admin.nextCode(), 'Sign in');
    await expect(page).toHaveURL('/');
  });
  await test.step('the right password does not help the stranger', async () => {
    await attempt(stranger, admin.password);
    await expect(stranger.getByRole('alert')).toHaveText(/^Too many tries\./);
  });
  await elsewhere.close();
});

test('a recovery code leads to a new authenticator, once', async ({ page, admin }) => {
  const [code = ''] = admin.recoveryCodes;
  const withRecoveryCode = async () => {
    await page.goto('/sign-in');
    await field(page, 'E-mail').fill(admin.email);
    await field(page, 'Password').fill(admin.password);
    await button(page, 'Sign in').click();
    await page.getByRole('link', { name: 'Use a recovery code' }).click();
    await field(page, 'Recovery code').fill(code.toLowerCase());
    await button(page, 'Sign in').click();
  };
  await withRecoveryCode();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Set up your authenticator');
  const old = admin.secret;
  admin.enrol(await page.locator('.secret code').innerText());
  expect(admin.secret).not.toBe(old);
  await proveWith(page, admin.nextCode(), 'Confirm');
  await expect(said(page)).toHaveText('Your new authenticator is set up. The old one no longer works: delete its entry in your app.');
  await expect(page.getByText('9 of 10 left')).toBeVisible();
  await signOut(page);
  await withRecoveryCode();
  await expectError(page, 'Recovery code', 'Wrong or already used.');
});

test('an administrator replaces everything that proves who they are', async ({ page, browser, keystead, admin }) => {
  await signIn(page, admin, '/profile');
  await test.step('the password, in two steps', async () => {
    await link(page, 'Change password').click();
    const fresh = 'nine brisk herons fold maps';
    const answer = async (now: string, then: string, again: string) => {
      await field(page, 'Current password').fill(now);
      await field(page, 'New password').fill(then);
      await field(page, 'Repeat password').fill(again);
      await button(page, 'Next').click();
    };
    await answer('not this one', fresh, fresh);
    await expectError(page, 'Current password', 'This is not your current password.');
    await answer(admin.password, fresh, `${fresh}!`);
    await expectError(page, 'Repeat password', 'The two passwords are not the same.');
    await answer(admin.password, fresh, fresh);
    await expect(page.getByText('All your other sessions are signed out.')).toBeVisible();
    await confirmWith(page, admin.nextCode(), 'Change password');
    await expect(said(page)).toHaveText('Password changed. All your other sessions are signed out.');
    admin.password = fresh;
  });
  await test.step('the authenticator', async () => {
    await link(page, 'Replace authenticator').click();
    await field(page, 'Current password').fill('not this one');
    await button(page, 'Next').click();
    await expectError(page, 'Current password', 'This is not your current password.');
    await field(page, 'Current password').fill(admin.password);
    await button(page, 'Next').click();
    await confirmWith(page, admin.nextCode(), 'Continue');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Set up your authenticator');
    admin.enrol(await page.locator('.secret code').innerText());
    await confirmWith(page, admin.nextCode(), 'Confirm');
    await expect(said(page)).toHaveText(/Your new authenticator is set up/);
  });
  await test.step('the recovery codes', async () => {
    await link(page, 'New recovery codes').click();
    await field(page, 'Current password').fill(admin.password);
    await button(page, 'Next').click();
    await confirmWith(page, admin.nextCode(), 'Replace codes');
    const codes = await page.locator('.recovery-codes code').allInnerTexts();
    expect(new Set([...codes, ...admin.recoveryCodes]).size).toBe(20);
    // Who leaves the page is told on every other page that the codes wait.
    await page.goto('/audit');
    await expect(page.getByText('You have unsaved recovery codes')).toBeVisible();
    await page.getByRole('main').getByRole('link', { name: 'Show them' }).click();
    await expect(page.locator('.recovery-codes code')).toHaveText(codes);
    const downloading = page.waitForEvent('download');
    await button(page, 'Download').click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('keystead-recovery-codes.txt');
    const lines = (await readFile(await download.path(), 'utf8')).split('\r\n');
    expect(lines.filter((line) => codes.includes(line))).toEqual(codes);
    await expect(button(page, 'Print')).toBeVisible({ visible: await hasScript(page) });
    await page.emulateMedia({ media: 'print' });
    await expect(page.locator('.recovery-codes code').last()).toBeVisible();
    for (const name of ['Download', 'Print', 'I have saved these codes']) await expect(button(page, name)).toBeHidden();
    await page.emulateMedia({ media: 'screen' });
    await button(page, 'I have saved these codes').click();
    await expect(page.getByText('You have unsaved recovery codes')).toHaveCount(0);
  });
  await test.step('the other sessions end', async () => {
    const elsewhere = await browser.newContext({ baseURL: keystead.url });
    const complaints = await watch(elsewhere);
    const other = await elsewhere.newPage();
    await signIn(other, admin);
    await page.goto('/profile');
    expect(await rows(page)).toHaveLength(2);
    await button(page, 'End session').click();
    await expect(page.getByText(/^The session of .* at 127\.0\.0\.1 is signed out\.$/)).toBeVisible();
    await confirmWith(page, admin.nextCode(), 'Sign out');
    await expect(said(page)).toHaveText('1 other session is signed out.');
    await other.goto('/audit');
    await expect(other).toHaveURL('/sign-in?next=%2Faudit&notice=ended');
    await signIn(other, admin);
    await page.goto('/profile');
    await button(page, 'Sign out other sessions').click();
    await expect(page.getByText('All your other sessions are signed out.')).toBeVisible();
    await confirmWith(page, admin.nextCode(), 'Sign out');
    await expect(said(page)).toHaveText('1 other session is signed out.');
    await other.goto('/audit');
    await expect(other).toHaveURL('/sign-in?next=%2Faudit&notice=ended');
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Profile');
    await elsewhere.close();
    expect(complaints).toEqual([]);
  });
});

test("the host's command line makes an administrator and resets a lost authenticator", async ({ page, keystead, admin }) => {
  const grace = await new Administrator(keystead, 'grace@example.com', 'nine brisk herons fold maps').create();
  await signIn(page, grace);
  const reset = await keystead.run(['admin', 'reset-totp', '--email', grace.email]);
  expect(reset.code).toBe(0);
  const uri = new URL(reset.out.trim());
  expect(uri.href).toMatch(/^otpauth:\/\/totp\/Keystead%20[^:]+:grace%40example\.com%20%282%29\?/);
  await page.goto('/profile');
  await expect(page).toHaveURL('/sign-in?next=%2Fprofile&notice=ended');

  await field(page, 'E-mail').fill(grace.email);
  await field(page, 'Password').fill(grace.password);
  await button(page, 'Sign in').click();
  await proveWith(page, grace.nextCode(), 'Sign in');
  await expectError(page, 'Verification code', 'Wrong or already used.');
  grace.enrol(uri.searchParams.get('secret') ?? '');
  await proveWith(page, grace.nextCode(), 'Sign in');
  await expect(page).toHaveURL('/profile');

  const nobody = await keystead.run(['admin', 'reset-totp', '--email', 'nobody@example.com']);
  expect(nobody.code).not.toBe(0);
  expect(nobody.err).toContain('There is no administrator nobody@example.com.');
  const twice = await keystead.run(['admin', 'create', '--email', admin.email, '--stdin'], `${admin.password}\n`);
  expect(twice.code).not.toBe(0);
});
