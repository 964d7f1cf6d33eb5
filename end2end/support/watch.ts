// Nothing may go wrong unseen: errors on the console, exceptions, what the content security policy stopped.

import type { BrowserContext, ConsoleMessage, Page } from '@playwright/test';

/** The browser says so of every page that answers a refused form: that is no mistake of the page. */
function isPageStatus(message: ConsoleMessage): boolean {
  const isDocument = !/\/assets\/[^/]+\/./.test(message.location().url);
  return isDocument && /^Failed to load resource: .* status of (400|404|409|413|422|429) /.test(message.text());
}

/** Without script the page's WebAssembly is fetched ahead for nothing, and Chromium mentions it. */
function isUnusedScript(message: ConsoleMessage): boolean {
  return message.type() === 'warning' && /keystead\.(wasm|js) was preloaded using link preload/.test(message.text());
}

/** Collects complaints of every page of the context into the list that is answered. */
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

/** Whether scripts of the page run, as its own style sheet sees it. */
export async function hasScript(page: Page): Promise<boolean> {
  return page.evaluate(() => matchMedia('(scripting: enabled)').matches);
}
