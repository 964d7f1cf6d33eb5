// Records every problem in the browser: console errors, exceptions, dialogs, violations of the content security policy.

import type { BrowserContext, ConsoleMessage, Page } from '@playwright/test';

/** Checks for the message that the browser logs for every page that answers a refused form: the page is not at fault. */
function isPageStatus(message: ConsoleMessage): boolean {
  const isDocument = !/\/assets\/[^/]+\/./.test(message.location().url);
  return isDocument && /^Failed to load resource: .* status of (400|404|409|413|422|429) /.test(message.text());
}

/** Checks for Chromium's warning that, without script, the page's WebAssembly is preloaded in vain. */
function isUnusedScript(message: ConsoleMessage): boolean {
  return message.type() === 'warning' && /keystead\.(wasm|js) was preloaded using link preload/.test(message.text());
}

/** Collects the problems of every page of the context in the list that it returns. */
export async function watch(context: BrowserContext): Promise<string[]> {
  const complaints: string[] = [];
  context.on('console', (message) => {
    const isBad = message.type() === 'error' || message.type() === 'warning';
    if (isBad && !isPageStatus(message) && !isUnusedScript(message)) complaints.push(`${message.location().url}: ${message.text()}`);
  });
  context.on('weberror', (error) => complaints.push(`exception: ${error.error().message}`));
  context.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`content security policy: ${event.violatedDirective} stopped ${event.blockedURI}`);
    });
  });
  return complaints;
}

/** Returns whether the page's scripts run, as a style sheet sees it. */
export async function hasScript(page: Page): Promise<boolean> {
  return page.evaluate(() => matchMedia('(scripting: enabled)').matches);
}
