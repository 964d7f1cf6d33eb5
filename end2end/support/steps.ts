// Steps that many journeys share.

import { expect, type Locator, type Page } from '@playwright/test';
import type { Administrator } from './administrator';
import { hasScript } from './watch';

export function button(page: Page, name: string): Locator {
  return page.getByRole('button', { name, exact: true });
}

export function link(page: Page, name: string): Locator {
  return page.getByRole('main').getByRole('link', { name, exact: true });
}

export function field(page: Page, label: string): Locator {
  return page.getByLabel(label, { exact: true });
}

/** Finds the message of the page after an action. */
export function said(page: Page): Locator {
  return page.getByRole('main').getByRole('status').first();
}

/** Chooses one of the cards, whose label lies over the radio button. */
export async function choose(page: Page, name: string): Promise<void> {
  await page.getByRole('group').getByText(name, { exact: true }).click();
  await expect(page.getByRole('radio', { name, exact: true })).toBeChecked();
}

/** Expects an error beside a field, which screen readers get too. */
export async function expectError(page: Page, label: string, words: RegExp | string): Promise<void> {
  await expect(field(page, label)).toHaveAttribute('aria-invalid', 'true');
  await expect(field(page, label)).toHaveAccessibleDescription(typeof words === 'string' ? new RegExp(words) : words);
}

/** Waits until the page's scripts have attached their handlers, if scripts run at all. */
export async function awake(page: Page): Promise<void> {
  if (!(await hasScript(page))) return;
  if (await page.locator('script[src$="/hydrate.js"]').count()) await expect(page.locator('html')).toHaveAttribute('data-awake');
}

/** Types a code on a form that signs in: with script the form sends itself, else the button does. */
export async function proveWith(page: Page, code: string, name: string): Promise<void> {
  const byItself = await hasScript(page);
  await awake(page);
  const answered = page.waitForEvent('domcontentloaded');
  await field(page, 'Verification code').fill(code);
  if (!byItself) await button(page, name).click();
  await answered;
}

/** Types a code under a change, which always needs its button. */
export async function confirmWith(page: Page, code: string, verb: string): Promise<void> {
  await field(page, 'Verification code').fill(code);
  await button(page, verb).click();
}

/** Opens an address while signed out, signs in, and checks that the address is open then. */
export async function signIn(page: Page, admin: Administrator, path = '/environments'): Promise<void> {
  await page.goto(path);
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await field(page, 'E-mail').fill(admin.email);
  await field(page, 'Password').fill(admin.password);
  await button(page, 'Sign in').click();
  await expect(field(page, 'Verification code')).toBeVisible();
  await proveWith(page, admin.nextCode(), 'Sign in');
  await expect(page).toHaveURL(new RegExp(`${path}$`));
}

/** Opens the menu "More" of a page and follows one of its links. */
export async function more(page: Page, name: string): Promise<void> {
  await page.locator('.more > summary').click();
  await link(page, name).click();
}

export async function addEnvironment(page: Page, name: string, kind = 'Production'): Promise<void> {
  await page.goto('/environments');
  await field(page, 'Name').fill(name);
  await choose(page, kind);
  await button(page, 'Add environment').click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
}

export async function addCountry(page: Page, name: string): Promise<void> {
  await field(page, 'Country').selectOption({ label: name });
  await button(page, 'Add country').click();
  await expect(said(page)).toContainText(`${name} added.`);
}

/** Creates the first version of a scope's key. */
export async function createKey(page: Page, admin: Administrator, scope: string, days = 30): Promise<void> {
  await page.goto(`/environments/${scope}/keys/add`);
  await field(page, 'Rotation Period').selectOption(`${days} days`);
  await button(page, 'Next').click();
  await confirmWith(page, admin.nextCode(), 'Create');
  await expect(page).toHaveURL(/\/keys\?new=\d+$/);
}

/** Returns the cells of a table row by row, without the head. */
export async function rows(page: Page): Promise<string[][]> {
  const lines = await page.locator('main table tbody tr').all();
  return Promise.all(lines.map(async (line) => (await line.locator('td').allInnerTexts()).map((text) => text.trim())));
}

export async function signOut(page: Page): Promise<void> {
  await page.getByLabel(/^Menu of/).click();
  await button(page, 'Sign out').click();
  await expect(said(page)).toHaveText('You are signed out.');
}
