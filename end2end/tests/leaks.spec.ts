// The search for secrets at the end of every journey (support/canaries.ts) finds those that are there. Without these tests
// it could be a check that cannot fail.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as plain } from '@playwright/test';
import { Administrator } from '../support/administrator';
import { fromBase32 } from '../support/authenticator';
import { Canaries } from '../support/canaries';
import { expect, test } from '../support/fixtures';
import { Keystead } from '../support/keystead';
import { addEnvironment, signIn } from '../support/steps';
import { register } from '../support/traffic';

const PASSWORD = 'seven quiet otters & "nine" <herons>';
const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const CODE = 'ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ';
const TOKEN = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA';

plain('a secret is found in every spelling, wherever it begins', () => {
  const canaries = new Canaries();
  canaries.add('password', PASSWORD);
  canaries.add('seed', SEED);
  canaries.add('recovery code', CODE);
  canaries.add('session token', TOKEN);
  const seed = fromBase32(SEED);
  const bare = CODE.replaceAll('-', '');
  const spelt: Record<string, ReadonlyArray<string | Buffer>> = {
    password: [
      PASSWORD,
      encodeURIComponent(PASSWORD),
      `password=${new URLSearchParams({ p: PASSWORD }).toString().slice(2)}`,
      JSON.stringify({ password: PASSWORD }),
      Buffer.from(PASSWORD).toString('hex'),
      Buffer.from(`{"password":${JSON.stringify(PASSWORD)}}`).toString('base64'),
      'seven quiet otters &amp; &quot;nine&quot; &lt;herons&gt;',
      `Some([${[...Buffer.from(PASSWORD)].join(', ')}])`,
    ],
    seed: [SEED, SEED.toLowerCase(), 'JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP', seed, seed.toString('base64'), seed.toString('hex')],
    'recovery code': [CODE, bare, bare.toLowerCase(), CODE.replaceAll('-', ' '), fromBase32(bare)],
    'session token': [TOKEN, Buffer.from(TOKEN, 'base64url'), Buffer.from(TOKEN, 'base64url').toString('hex').toUpperCase()],
  };
  for (const [kind, forms] of Object.entries(spelt)) {
    for (const [index, form] of forms.entries()) {
      for (const before of ['', 'x', 'xy', 'xyz\0\xff']) {
        const bytes = Buffer.concat([Buffer.from(before, 'latin1'), Buffer.from(form), Buffer.from(' and more')]);
        const at = canaries.findings({ name: 'a place', bytes });
        expect(at, `${kind}, spelling ${index} after ${before.length} bytes`).toEqual([expect.stringContaining(`${kind} no. 1 is in a place`)]);
      }
    }
  }
  for (const before of ['', 'x', 'xy']) {
    const bytes = Buffer.from(Buffer.from(`${before}${TOKEN} and more`).toString('base64'));
    expect(canaries.findings({ name: 'a place', bytes })).toHaveLength(1);
  }
});

plain('what is no secret, or is where it may be, is not found; and no finding tells the secret', () => {
  const canaries = new Canaries();
  canaries.add('password', PASSWORD);
  canaries.add('password', 'too short');
  expect(canaries.count('password')).toBe(1);
  const place = (text: string) => ({ name: `the page of ${text}`, bytes: Buffer.from(text) });
  expect(canaries.findings(place('seven quiet otters and nine herons, too short'))).toEqual([]);
  expect(canaries.findings({ ...place(PASSWORD), may: ['password'] })).toEqual([]);
  expect(canaries.findings(place(PASSWORD))).toEqual(['password no. 1 is in a place whose name holds it at byte 0']);
});

plain('a secret that the server, a command or a file gives away is found', async () => {
  const slip = 'a password that somebody puts into the environment';
  const keystead = await Keystead.prepare({ SLIP: slip });
  await keystead.start();
  const admin = await new Administrator(keystead).create();
  keystead.canaries.add('password', slip);
  // The log names this file when the server creates it, so this text is certain to be in the log.
  keystead.canaries.add('session token', join(keystead.data, 'root.key'));
  const [code = ''] = admin.recoveryCodes;
  await keystead.run(['admin', `--${code}`]);
  await fetch(`${keystead.url}/sign-in?next=/${keystead.setupToken()}`);
  writeFileSync(join(keystead.data, 'keystead.db-journal'), fromBase32(admin.secret));
  const leaks = (await keystead.end()).map((leak) => leak.replace(/ no\. \d+| at byte \d+/g, ''));
  for (const leak of [
    'session token is in the log',
    "password is in the server's environment",
    'recovery code is in a place whose name holds it',
    'setup token is in the address of request',
    'setup token is in the body of answer (GET /sign-in)',
    'seed is in the file data/keystead.db-journal while it ran',
    'seed is in the file data/keystead.db-journal at the end',
  ]) {
    expect(leaks).toContain(leak);
  }
});

// A person's mistake stands for a program's: text typed into the wrong field is stored, shown and audited.
plain('a password typed as a name is found in the database and in every page that shows it', async ({ browser }) => {
  const keystead = await Keystead.prepare();
  await keystead.start();
  const admin = await new Administrator(keystead).create();
  const context = await browser.newContext({ baseURL: keystead.url });
  const page = await context.newPage();
  await signIn(page, admin);
  await addEnvironment(page, admin.password);
  await page.goto('/audit');
  await context.close();
  const leaks = (await keystead.end()).map((leak) => leak.replace(/ no\. \d+| at byte \d+/g, ''));
  for (const place of ['file data/keystead.db at the end', 'file data/keystead.db-wal while it ran', 'body of answer (GET /audit)', 'body of answer (GET /environments/seven-']) {
    expect(leaks.filter((leak) => leak.startsWith(`password is in the ${place}`)).length, place).toBeGreaterThan(0);
  }
  expect(leaks.filter((leak) => !leak.startsWith('password is in'))).toEqual([]);
});

test('the journeys are read whole: requests, answers, cookies, forms', async ({ page, keystead, admin }) => {
  await signIn(page, admin, '/profile');
  const exchanges = keystead.exchanges();
  expect(exchanges.filter(({ status, responseBody }) => status === 200 && responseBody.length > 0).length).toBeGreaterThan(2);
  expect(exchanges.some(({ target, responseBody }) => target === '/profile' && responseBody.includes('</html>'))).toBe(true);
  register(exchanges, keystead.canaries);
  expect(keystead.canaries.count('password')).toBe(1);
  // One session that waits for its code, and one that is signed in.
  expect(keystead.canaries.count('session token')).toBe(2);
  expect(keystead.canaries.count('seed')).toBe(1);
  expect(keystead.canaries.count('recovery code')).toBe(10);
  expect(keystead.canaries.count('root key')).toBe(1);
});
