import { defineConfig } from '@playwright/test';

// Debian's Chromium, or the one that KEYSTEAD_CHROMIUM names. Its background requests to the network are off, because they
// may disturb a test.
export default defineConfig({
  testDir: 'tests',
  testIgnore: [
    ...(process.env['KEYSTEAD_SCREENSHOTS'] ? [] : [/screenshots/]),
    ...(process.env['KEYSTEAD_FIRST_LOAD'] ? [] : [/first-load/]),
  ],
  forbidOnly: true,
  fullyParallel: true,
  retries: 0,
  workers: 2,
  timeout: 180_000,
  reporter: 'list',
  use: {
    browserName: 'chromium',
    // A copy of the document at every step takes a sixth of the journeys' time. A failure leaves the page's ARIA snapshot anyway.
    trace: { mode: 'retain-on-failure', screenshots: false, snapshots: false },
    launchOptions: {
      executablePath: process.env['KEYSTEAD_CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'with script' },
    { name: 'without script', testMatch: /(main|environments|limits|aws|data|overview|first-day)\.spec\.ts/, use: { javaScriptEnabled: false } },
  ],
});
