// The size of a first load over the wire.

import { expect, test } from '../support/fixtures';
import { addCountry, addEnvironment, createKey, signIn } from '../support/steps';
import { weigh } from '../support/weigh';

const KILOBYTE = 1024;

test('a first load is light: 180 KB with islands, 60 KB without', async ({ page, admin }) => {
  const plain = await weigh(page, '/sign-in');
  await signIn(page, admin);
  await addEnvironment(page, 'Production');
  await addCountry(page, 'Germany');
  await createKey(page, admin, 'production/DE');
  const islands = await weigh(page, '/environments/production/DE/keys');
  console.log(`/sign-in: ${plain.total} bytes: ${plain.text}`);
  console.log(`keys page: ${islands.total} bytes: ${islands.text}`);
  expect(islands.text).toContain('keystead.wasm (br)');
  expect(plain.text).not.toContain('wasm');
  expect(islands.total).toBeLessThanOrEqual(180 * KILOBYTE);
  expect(plain.total).toBeLessThanOrEqual(60 * KILOBYTE);
});
