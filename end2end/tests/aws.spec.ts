// A customer's key in AWS KMS: pasted, checked, used, refused, restored. With script and without.

import type { Page } from '@playwright/test';
import { Customer, kmsUrl } from '../support/customer';
import { expect, test } from '../support/fixtures';
import { freePort } from '../support/keystead';
import { look } from '../support/look';
import { addCountry, addEnvironment, awake, button, choose, confirmWith, createKey, expectError, field, link, rows, said, signIn } from '../support/steps';
import { hasScript } from '../support/watch';

const KEYS = '/environments/production/DE/keys';
/** Variables that AWS's own tools obey and Keystead ignores: each of them would break every call. */
const NOWHERE = 'http://127.0.0.1:9';
const IGNORED = {
  AWS_ENDPOINT_URL: NOWHERE,
  AWS_ENDPOINT_URL_KMS: NOWHERE,
  AWS_ACCESS_KEY_ID: 'AKIAAAAAAAAAAAAAAAAA',
  AWS_SECRET_ACCESS_KEY: 'of-somebody-else-of-somebody-else-of-som',
  AWS_SESSION_TOKEN: 'of somebody else',
  AWS_REGION: 'us-east-1',
  AWS_PROFILE: 'nobody',
  AWS_CA_BUNDLE: '/nowhere',
  HTTP_PROXY: NOWHERE,
  http_proxy: NOWHERE,
  HTTPS_PROXY: NOWHERE,
  ALL_PROXY: NOWHERE,
};
const verdicts = (page: Page) => page.locator('.preflight li');
const health = (page: Page) => page.locator('.health').first();

/** Waits until the server has found the state by itself. */
async function becomes(page: Page, state: string): Promise<void> {
  await expect(async () => {
    await page.goto(KEYS);
    await expect(health(page)).toHaveAttribute('data-health', state, { timeout: 500 });
  }).toPass({ timeout: 30_000 });
}

async function paste(page: Page, text: string): Promise<void> {
  await awake(page);
  await field(page, 'Paste here').fill(text);
  if (!(await hasScript(page))) await button(page, 'Fill in the fields').click();
}

test.describe('a key that the customer holds', () => {
  test.use({
    hasTrueTime: true,
    settings: async ({}, use) => {
      const metrics = `127.0.0.1:${await freePort()}`;
      await use({
        ...IGNORED,
        KEYSTEAD_KMS_ENDPOINT_URL: kmsUrl(),
        KEYSTEAD_HEALTH_PROBE_SECONDS: '1',
        KEYSTEAD_METRICS_LISTEN: metrics,
      });
    },
  });

  test('is registered, seen healthy, refused, and healthy again', async ({ page, keystead, admin, settings }) => {
    const customer = Customer.create();
    keystead.canaries.add('IAM secret key', customer.secret);
    keystead.canaries.add('data key', customer.plaintext());
    await signIn(page, admin);
    await addEnvironment(page, 'Production');
    await addCountry(page, 'Germany');
    await createKey(page, admin, 'production/DE');

    await test.step('the guide says what the customer does first', async () => {
      await page.goto(`${KEYS}/add`);
      await choose(page, 'Manual: AWS');
      await expect(field(page, 'Rotation Period')).toBeHidden();
      await link(page, 'Prepare your AWS account').click();
      await expect(page.getByRole('img', { name: 'Writing data' })).toBeVisible();
      if (await hasScript(page)) await look(page, 'guide-aws');
      await page.goBack();
    });

    await test.step('no browser takes the secret for a password of this site, and nobody reads it over a shoulder', async () => {
      await page.goto(`${KEYS}/add`);
      await choose(page, 'Manual: AWS');
      const secret = field(page, 'IAM secret key');
      expect(await secret.evaluate((input: HTMLInputElement) => [input.type, input.autocomplete])).toEqual(['text', 'off']);
      expect(await secret.evaluate((input) => getComputedStyle(input).getPropertyValue('-webkit-text-security'))).toBe('disc');
      await expect(page.locator('input[type=password]')).toHaveCount(0);
    });

    await test.step('what is wrong is said beside its field', async () => {
      await page.goto(`${KEYS}/add`);
      await choose(page, 'Manual: AWS');
      await field(page, 'Region').fill('eu-west-3');
      await field(page, 'Encrypted key').fill(customer.dataKey.CiphertextBlob);
      await field(page, 'Customer managed key (CMK) ARN').fill(customer.arn);
      await field(page, 'IAM access key ID').fill(customer.secret);
      // An id that appears nowhere else, because text typed into this field counts as a secret.
      await field(page, 'IAM secret key').fill('AKIAIOSFODNN7EXAMPLE');
      // Enter is "Next" in every field, and not the button of the paste box, which stands before it.
      await field(page, 'IAM secret key').press('Enter');
      await expectError(page, 'Region', 'The ARN is for the region eu-central-1, but the region field says eu-west-3.');
      await expectError(page, 'IAM access key ID', 'The two fields are swapped.');
      await expectError(page, 'IAM secret key', 'The two fields are swapped.');
      await expect(field(page, 'Encrypted key')).toHaveValue(customer.dataKey.CiphertextBlob);
      if (await hasScript(page)) await look(page, 'add-aws-refused');
    });

    await test.step('what nobody sees is taken off the ends, or named with its place', async () => {
      await field(page, 'Region').fill('\u00a0eu-central-1\u200b');
      await field(page, 'Customer managed key (CMK) ARN').fill(customer.arn.replace('arn:', 'arn:\u200b'));
      await field(page, 'IAM access key ID').fill(`\u200b${customer.accessKeyId}\u00a0`);
      await field(page, 'IAM secret key').fill(`\u00a0${customer.secret}\u200b`);
      await button(page, 'Next').click();
      await expectError(page, 'Customer managed key (CMK) ARN', /Character 5 is a zero-width space \(U\+200B\)\. Remove it\./);
      await expect(field(page, 'Region')).toHaveValue('eu-central-1');
      await expect(field(page, 'IAM access key ID')).toHaveValue(customer.accessKeyId);
      await expect(field(page, 'IAM secret key')).toHaveAttribute('placeholder', '••••••');
    });

    await test.step('a data key with an encryption context is told from a damaged one', async () => {
      await field(page, 'Customer managed key (CMK) ARN').fill(customer.arn);
      await field(page, 'Encrypted key').fill(customer.contextKey());
      await button(page, 'Next').click();
      const decrypt = verdicts(page).filter({ hasText: 'Decrypt works' });
      await expect(decrypt).toContainText('InvalidCiphertextException');
      await expect(decrypt).toContainText(/encryption context \(--encryption-context\).*generate a new data key without it.*damaged/);
    });

    await test.step('what the customer has at hand is pasted whole', async () => {
      await page.goto(`${KEYS}/add`);
      await choose(page, 'Manual: AWS');
      await paste(page, customer.outputs());
      await expect(field(page, 'Region')).toHaveValue('eu-central-1');
      await expect(field(page, 'Encrypted key')).toHaveValue(customer.dataKey.CiphertextBlob);
      await expect(field(page, 'Customer managed key (CMK) ARN')).toHaveValue(customer.arn);
      await expect(field(page, 'IAM access key ID')).toHaveValue(customer.accessKeyId);
      await expect(field(page, 'Paste here')).toHaveValue('');
      await expect(page.getByText(/Filled in/).first()).toBeVisible();
    });

    await test.step('a key that is disabled is not accepted, and the form keeps what was typed', async () => {
      customer.disable();
      await button(page, 'Next').click();
      await expect(verdicts(page).filter({ hasText: 'Decrypt works' })).toContainText('DisabledException');
      await expect(verdicts(page).filter({ hasText: 'Decrypt works' })).toBeInViewport();
      await expectError(page, 'Customer managed key (CMK) ARN', 'The check "Decrypt works" failed.');
      await expect(field(page, 'IAM secret key')).toHaveAttribute('placeholder', '••••••');
      if (await hasScript(page)) await look(page, 'add-aws-blocked');
      customer.enable();
    });

    await test.step('the check passes line by line, and the code makes the version', async () => {
      await button(page, 'Next').click();
      await expect(verdicts(page)).toHaveCount(7);
      await expect(verdicts(page).filter({ hasText: 'Passed' })).toHaveCount(7);
      if (await hasScript(page)) await look(page, 'confirm-aws');
      await confirmWith(page, admin.wrongCode(), 'Create');
      await expectError(page, 'Verification code', 'Wrong or already used.');
      await confirmWith(page, admin.nextCode(), 'Create');
      await expect(said(page)).toHaveText(/Version 2 is active/);
      expect((await rows(page))[0]?.slice(0, 3)).toEqual(['2', 'Manual: AWS', '–']);
      expect((await rows(page))[1]?.slice(0, 5)).toEqual(['1', 'Managed', '1', expect.any(String), 'Deprecated']);
      await expect(page.getByText('Next rotation')).toHaveCount(0);
      await expect(page.getByText('1 of 100 customer-supplied versions')).toBeVisible();
      await becomes(page, 'healthy');
    });

    await test.step('the customer refuses: seen within moments, in the list, the sidebar and the log', async () => {
      customer.disable();
      await becomes(page, 'refused');
      await expect(health(page)).toContainText('DisabledException');
      await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Germany refused' })).toBeVisible();
      if (await hasScript(page)) await look(page, 'keys-aws-refused');
      await page.goto('/audit');
      await expect(page.getByText('version 2: healthy → refused (DisabledException)')).toBeVisible();
    });

    await test.step('"Check now" says why', async () => {
      const isOld = page.getByText(/The state of the key has changed since, at .* Choose “Check now” to repeat the check\./);
      await page.goto(`${KEYS}/2`);
      await expect(isOld, 'the check that was made before the refusal says so').toBeVisible();
      await page.goto(KEYS);
      await button(page, 'Check now').click();
      await expect(said(page)).toHaveText('Version 2 was checked. Decrypt works: failed (DisabledException).');
      await expect(isOld).toHaveCount(0);
      await expect(page.locator('.timeline > li').first()).toContainText('Check failed');
      await expect(page.getByText('The CMK is disabled.').first()).toBeVisible();
      if (await hasScript(page)) await look(page, 'version-aws-refused');
    });

    await test.step('the customer gives it back', async () => {
      customer.enable();
      await becomes(page, 'healthy');
      await page.goto(`${KEYS}/2`);
      await button(page, 'Check now').click();
      await expect(said(page)).toHaveText('Version 2 was checked. 7 of 7 checks passed.');
    });

    await test.step('"Replace credentials": the same check and a code, no new version', async () => {
      customer.renew();
      keystead.canaries.add('IAM secret key', customer.secret);
      await becomes(page, 'refused');
      await page.goto(`${KEYS}/2`);
      await link(page, 'Replace credentials').click();
      await field(page, 'IAM access key ID').fill(customer.accessKeyId);
      await field(page, 'IAM secret key').fill(customer.secret);
      await button(page, 'Next').click();
      await expect(verdicts(page).filter({ hasText: 'Passed' })).toHaveCount(7);
      await confirmWith(page, admin.nextCode(), 'Replace');
      await expect(said(page)).toHaveText(/Version 2 now uses the credentials AKIA….{4}\./);
      await becomes(page, 'healthy');
      expect(await rows(page)).toHaveLength(2);
    });

    await test.step('the same key is no next version, and another scope has to know of it', async () => {
      await page.goto(`${KEYS}/add`);
      await choose(page, 'Manual: AWS');
      await paste(page, customer.outputs());
      await button(page, 'Next').click();
      await expectError(page, 'Encrypted key', /This is the key of version 2: nothing changes\./);
      await page.goto('/environments/production');
      await addCountry(page, 'Austria');
      await page.goto('/environments/production/AT/keys/add');
      await choose(page, 'Manual: AWS');
      await paste(page, customer.outputs());
      await button(page, 'Next').click();
      await expect(page.getByText('It is the key of version 2 of production/DE.')).toBeVisible();
      await field(page, 'Use the same key here as well').check();
      await button(page, 'Next').click();
      await expect(page.getByText('This is also the key of version 2 of production/DE.')).toBeVisible();
    });

    keystead.show('the metrics', await (await fetch(`http://${settings['KEYSTEAD_METRICS_LISTEN']}/metrics`)).text());
    await keystead.abort();
  });
});
