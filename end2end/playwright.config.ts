import { defineConfig } from '@playwright/test';

// Debian's Chromium, or the one named. The browser keeps to itself: nothing it asks of the network by its own will may
// disturb a test.
export default defineConfig({
  testDir: 'tests',
  forbidOnly: true,
  retries: 0,
  workers: 2,
  reporter: 'list',
  use: {
    browserName: 'chromium',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.KEYSTEAD_CHROMIUM ?? '/usr/bin/chromium',
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
});
