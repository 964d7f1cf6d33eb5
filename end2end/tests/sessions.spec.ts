// Around a session: a form that is sent twice, a link from elsewhere, a session that ends while somebody types.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, awake, button, createKey, field, proveWith, said, signIn } from '../support/steps';

test.use({ settings: { KEYSTEAD_DAILY_LIMIT_PER_TYPE: '9', KEYSTEAD_DAILY_LIMIT_PER_SCOPE: '9' } });

/** Makes the network slow, and counts the requests of one address. */
async function slow(page: Page, address: string): Promise<{ sent: number }> {
  const count = { sent: 0 };
  await page.route(address, async (route) => {
    if (route.request().method() === 'POST') count.sent += 1;
    await new Promise((wake) => setTimeout(wake, 400));
    await route.continue();
  });
  return count;
}

/** Sends the page's form twice, past everything that its script does. */
async function sendTwice(page: Page): Promise<void> {
  await page.locator('main form.form').evaluate((form: HTMLFormElement) => {
    form.submit();
    setTimeout(() => form.submit(), 80);
  });
}

async function givePassword(page: Page, email: string, password: string): Promise<void> {
  await field(page, 'E-mail').fill(email);
  await field(page, 'Password').fill(password);
  await button(page, 'Sign in').click();
  await awake(page);
}

test('a code that a password manager types twice signs in once', async ({ page, keystead, admin }) => {
  await page.goto('/sign-in?next=%2Faudit');
  await givePassword(page, admin.email, admin.password);
  const requests = await slow(page, '**/sign-in/code*');
  const code = admin.nextCode();
  await field(page, 'Verification code').evaluate((input: HTMLInputElement, typed) => {
    const type = () => {
      input.value = typed;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    };
    type();
    setTimeout(type, 80);
  }, code);
  await expect(page).toHaveURL('/audit');
  expect(requests.sent).toBe(1);

  await test.step('also when the browser sends the form twice', async () => {
    await page.context().clearCookies();
    await page.unrouteAll();
    await page.goto('/sign-in?next=%2Faudit');
    await givePassword(page, admin.email, admin.password);
    const again = await slow(page, '**/sign-in/code*');
    await field(page, 'Verification code').evaluate((input: HTMLInputElement, typed) => (input.value = typed), admin.nextCode());
    await sendTwice(page);
    await expect(page).toHaveURL('/audit');
    expect(again.sent).toBe(2);
    await page.goto('/profile');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Profile');
    expect(keystead.output).not.toContain('verification code used before');
  });
});

test('a double click on "Rotate" rotates once, and the page says so', async ({ page, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await createKey(page, admin, 'production/DE');
  const keys = '/environments/production/DE/keys';
  const prepare = async () => {
    await page.goto(`${keys}/rotate`);
    await button(page, 'Next').click();
    await awake(page);
    await field(page, 'Verification code').fill(admin.nextCode());
  };
  await prepare();
  const requests = await slow(page, '**/keys/rotate*');
  await button(page, 'Rotate').dblclick();
  await expect(page).toHaveURL(`${keys}?new=2`);
  await expect(said(page)).toHaveText(/^Version 2 is active/);
  expect(requests.sent).toBe(1);

  await test.step('also when the browser sends the form twice', async () => {
    await page.unrouteAll();
    await page.goto('/environments/production');
    await addCountry(page, 'France');
    await createKey(page, admin, 'production/FR');
    await page.goto('/environments/production/FR/keys/settings');
    await field(page, 'Rotation Period').selectOption('60 days');
    await button(page, 'Next').click();
    await awake(page);
    await field(page, 'Verification code').fill(admin.nextCode());
    const again = await slow(page, '**/keys/settings*');
    await sendTwice(page);
    await expect(page).toHaveURL('/environments/production/FR/keys');
    expect(again.sent).toBe(2);
    await expect(page.getByText('Start again')).toHaveCount(0);
    await expect(said(page)).toContainText('60 days');
  });
});

test('a link in a chat leads to its page', async ({ page, keystead, admin }) => {
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  const chat = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html');
    answer.end(`<title>Chat</title><a href="${keystead.url}/environments/production">Look at this</a>`);
  });
  await new Promise<void>((ready) => chat.listen(0, '127.0.0.1', ready));
  // Another site: the name decides, not the machine.
  const url = `http://localhost:${(chat.address() as AddressInfo).port}/`;
  const other = await page.context().newPage();
  await other.goto(url);
  await other.getByRole('link').click();
  await expect(other.getByRole('heading', { level: 1 })).toHaveText('Production');
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Production');
  await other.close();
  chat.close();
});

test('before a session ends the page says so, and what was typed is there after signing in again', async ({ page, keystead, admin }) => {
  const pass = async (minutes: number) => {
    keystead.clock.advance(minutes * 60);
    await page.clock.fastForward(minutes * 60_000);
    await page.clock.runFor(2_000);
  };
  await page.clock.install({ time: keystead.clock.now() });
  await signIn(page, admin);
  await awake(page);
  const notice = page.locator('.session-end');
  await field(page, 'Name').fill('Sandbox <1>');
  await pass(12);
  await expect(notice).toBeHidden();
  await pass(1.5);
  await expect(notice).toBeVisible();
  await expect(notice.getByRole('alert').first()).toHaveText('Your session ends soon because nobody has used it.');
  await expect(notice.locator('.left')).toHaveText(/^in 1:\d\d$/);
  await test.step('"Stay signed in" prolongs it, by keyboard too', async () => {
    await button(page, 'Stay signed in').focus();
    await page.keyboard.press('Enter');
    await expect(notice).toBeHidden();
    await pass(12);
    await expect(notice).toBeHidden();
  });
  await test.step('another tab prolongs it', async () => {
    const other = await page.context().newPage();
    await other.goto('/audit');
    await other.close();
    await pass(2);
    await expect(notice).toBeHidden();
  });
  await test.step('it ends, and the form is there again', async () => {
    await pass(16);
    await expect(notice).toContainText('Your session has ended.');
    await button(page, 'Add environment').click();
    await expect(said(page)).toHaveText('Your session has ended. Sign in to continue. Keystead then restores the form, without its secrets.');
    await givePassword(page, admin.email, admin.password);
    await proveWith(page, admin.nextCode(), 'Sign in');
    await expect(field(page, 'Name')).toHaveValue('Sandbox <1>');
    await button(page, 'Add environment').click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sandbox <1>');
  });
});

test('a status message appears in the tab that caused it', async ({ page, context, admin }) => {
  await signIn(page, admin);
  const other = await context.newPage();
  await other.goto('/environments');
  // The answer is there, and the page that it leads to is slow.
  let goOn = () => {};
  const waits = new Promise<void>((wake) => (goOn = wake));
  await page.route('**/environments/production', async (route) => {
    await waits;
    await route.continue();
  });
  await field(page, 'Name').fill('Production');
  await button(page, 'Add environment').click();
  await expect(async () => {
    await other.goto('/environments');
    await expect(other.getByRole('main').getByRole('link', { name: 'Production' })).toBeVisible({ timeout: 300 });
  }).toPass();
  await other.goto('/profile');
  await expect(other.getByText('Environment "Production" added.')).toHaveCount(0);
  // A message of the other tab does not take the place of the one that waits.
  await addEnvironment(other, 'Staging', 'Test');
  await expect(said(other)).toContainText('Environment "Staging" added.');
  goOn();
  await expect(said(page)).toContainText('Environment "Production" added.');
  await page.reload();
  await expect(page.getByText('Environment "Production" added.')).toHaveCount(0);
});
