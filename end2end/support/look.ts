// The accessibility of a page, checked with axe in light and dark, on a screen and on a phone.

import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

const SCREEN = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };
// Widths between a phone and a screen, and narrower than both: no element may overflow there either.
const OTHER_WIDTHS = [320, 768, 1024];
// The dark theme changes colours and nothing else; a phone changes everything but colours.
const CONTRAST = ['color-contrast'];

async function findings(axe: AxeBuilder): Promise<string[]> {
  const { violations } = await axe.analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' · ')}`);
}

/** Returns the elements that overflow the window on the right. */
async function sticksOut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    const out = [...document.querySelectorAll('body *')].filter(
      (element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1,
    );
    return wide ? out.map((element) => element.outerHTML.slice(0, 120)) : [];
  });
}

/** Checks the open page in every theme and width. The checks are soft, so that one run reports every finding. */
export async function look(page: Page, name: string): Promise<void> {
  const folder = process.env['KEYSTEAD_LOOK'];
  const photo = async (way: string) => {
    if (folder) await page.screenshot({ path: `${folder}/${name}-${way}.png`, fullPage: true });
  };
  const soft = expect.configure({ soft: true });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize(SCREEN);
  await photo('light');
  soft(await findings(new AxeBuilder({ page })), `${name}, light`).toEqual([]);
  soft(await sticksOut(page), `${name}, wider than a screen`).toEqual([]);
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await photo('dark');
  soft(await findings(new AxeBuilder({ page }).withRules(CONTRAST)), `${name}, dark`).toEqual([]);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize(PHONE);
  await photo('phone');
  soft(await findings(new AxeBuilder({ page }).disableRules(CONTRAST)), `${name}, on a phone`).toEqual([]);
  soft(await sticksOut(page), `${name}, wider than a phone`).toEqual([]);
  for (const width of OTHER_WIDTHS) {
    await page.setViewportSize({ ...SCREEN, width });
    if (width === 1024) await photo('tablet');
    soft(await sticksOut(page), `${name}, wider than ${width} pixels`).toEqual([]);
  }
  await page.setViewportSize(SCREEN);
}
