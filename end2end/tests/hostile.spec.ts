// Typed input stays text on every page: attacks in every field, in every address, and in the headers of the browser; then
// every page of the product is opened. The fixture of the context records dialogs, exceptions and violations of the content
// security policy: there may be none.

import { readFileSync } from 'node:fs';
import { test as plain, type CDPSession, type Page } from '@playwright/test';
import { Administrator } from '../support/administrator';
import { Customer, kmsUrl } from '../support/customer';
import { expect, test } from '../support/fixtures';
import { derive } from '../support/service';
import { addCountry, button, confirmWith, createKey, field, proveWith, rows, said, signIn, signOut } from '../support/steps';
import { watch } from '../support/watch';

test.describe.configure({ timeout: 480_000 });
// No traces: for hundreds of pages they would take longer than the pages themselves.
test.use({ trace: 'off' });

/** Attacks, named after what each tries. Each gets its own mark, so that no two texts are the same. */
const ATTACKS: Readonly<Record<string, (mark: string) => string>> = {
  'an element': (mark) => `<script>alert('${mark}')</script>`,
  'the end of an attribute': (mark) => `"><img src=x onerror=alert('${mark}')>`,
  'another attribute': (mark) => `' autofocus onfocus=alert("${mark}") x='`,
  'the end of the title': (mark) => `</title><script>alert('${mark}')</script>`,
  'the end of a list': (mark) => `</option></select></textarea><svg onload=alert(1)>${mark}`,
  'an address that is script': (mark) => `javascript:alert('${mark}')`,
  'the end of a string in script': (mark) => `'-alert('${mark}')-'`,
  'a template': (mark) => `{{7*7}}\${7*7}<%=7*7%>#{7*7} ${mark}`,
  'markup that is escaped already': (mark) => `&lt;b&gt;${mark}&lt;/b&gt; &amp;amp; &#60;i&#62;`,
  'a name that runs backwards': (mark) => `${mark}\u202etxt.exe\u202c`,
  'control characters and headers': (mark) => `${mark}\r\nSet-Cookie: evil=1\r\n\r\n\0\u0007\u001b[31mred`,
  'a very long text': (mark) => `${mark}"><script>alert(1)</script>`.repeat(150),
};
const ALL = Object.keys(ATTACKS);
/** Attacks for forms that store no input. */
const SOME = ['an element', 'the end of an attribute', 'another attribute', 'control characters and headers', 'a very long text'];
/** Attacks for forms that count tries and block after a few. */
const FEW = ['the end of an attribute', 'control characters and headers'];

/** Fields whose text a refused form shows again. */
const ECHOED = ['email', 'name', 'slug', 'alias', 'confirm', 'per_type', 'per_scope', 'reason'];
const GUARDED = ['region', 'cmk_arn', 'access_key_id', 'encrypted_key'];
const SCOPE = /^\/environments\/[^/]+\/[A-Z]{2}(?=\/)/;

/** Returns the address as the server's table of pages writes it. */
function pattern(path: string): string {
  return path
    .replace(SCOPE, '/environments/{env}/{country}')
    .replace(/^\/environments\/(?!\{)[^/]+/, '/environments/{env}')
    .replace(/\/keys\/\d+(?=$|\/)/, '/keys/{number}')
    .replace(/^\/api-keys\/[0-9a-f]{12}(?=\/)/, '/api-keys/{id}');
}

/** Returns the fields of the page's forms, each with the address to which its form is sent. */
async function fieldsOf(page: Page): Promise<string[]> {
  const found = await page.evaluate(() =>
    [...document.querySelectorAll('input, select, textarea, button[name]')].map((control) => {
      const form = (control as HTMLInputElement).form;
      const name = control.getAttribute('name') ?? `(no name) ${control.getAttribute('aria-label') ?? control.id}`;
      const action = new URL(form?.getAttribute('action') ?? location.href, location.href);
      const step = action.searchParams.has('change') ? '?change' : '';
      return { method: form === null ? 'none' : form.getAttribute('method') ?? 'get', path: action.pathname, step, name };
    }),
  );
  return found.map(({ method, path, step, name }) => (method === 'post' ? `${pattern(path)}${step} ${name}` : `any page ${name}`));
}

/** Returns elements that no page of Keystead has, and elements with attributes that would run script. */
async function strangers(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const elements = 'img, iframe, frame, object, embed, base, math, style, audio, video, meta[http-equiv], script:not([nonce])';
    const leads = ['href', 'src', 'srcdoc', 'action', 'formaction', 'xlink:href', 'data', 'background'];
    const acts = ({ name, value }: Attr) => name.startsWith('on') || (leads.includes(name) && /^\s*(javascript|data|vbscript):/i.test(value));
    const armed = [...document.querySelectorAll('*')].filter((element) => [...element.attributes].some(acts));
    return [...document.querySelectorAll(elements), ...armed].map((element) => element.outerHTML.slice(0, 120));
  });
}

/** Returns a text without the characters at its ends that nobody sees. Keystead takes them off. */
function seen(text: string): string {
  const ends = /^[\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f]+|[\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f]+$/g;
  return text.replace(ends, '');
}

/** A person who types attacks, and keeps lists of the fields seen and of the fields attacked. */
class Attacker {
  readonly seen = new Set<string>();
  readonly attacked = new Set<string>();
  private marks = 0;
  private pages = 0;
  private devtools?: CDPSession;

  constructor(private readonly page: Page) {}

  text(attack: string): string {
    this.marks += 1;
    // Of equal length, so that no text begins with another one.
    return ATTACKS[attack]?.(`mark${String(this.marks).padStart(5, '0')}`) ?? '';
  }

  /** Checks that no attack has become markup or script in the open page. */
  async look(what: string): Promise<void> {
    await this.tidy();
    expect(await strangers(this.page), what).toEqual([]);
    await expect(this.page, what).toHaveTitle(/ · Keystead$/);
    for (const name of await fieldsOf(this.page)) this.seen.add(name);
  }

  /** Collects garbage, because a page's WebAssembly keeps gigabytes of address space reserved until then. */
  private async tidy(): Promise<void> {
    this.pages += 1;
    if (this.pages % 10 !== 0) return;
    this.devtools ??= await this.page.context().newCDPSession(this.page);
    await this.devtools.send('HeapProfiler.collectGarbage');
  }

  async open(path: string, waitUntil: 'domcontentloaded' | 'load' = 'domcontentloaded'): Promise<void> {
    await this.page.goto(path, { waitUntil });
    await this.look(path);
  }

  /**
   * Types an attack into every field of the page's form, also into fields where a person could only choose, and sends it as
   * the browser does. `right` are fields with valid values.
   */
  async attack(attack: string, right: Record<string, string> = {}): Promise<Record<string, string>> {
    const { page } = this;
    const form = page.locator('form.form');
    const names = await form.evaluate((element) => {
      const controls = [...element.querySelectorAll('input, select, textarea, button[name]')];
      return [...new Set(controls.map((control) => control.getAttribute('name') ?? ''))].filter((name) => name !== '');
    });
    const place = await page.evaluate(() => location.pathname + (new URLSearchParams(location.search).has('change') ? '?change' : ''));
    const [path = '', step = ''] = place.split(/(?=\?)/);
    const typed = Object.fromEntries(names.map((name) => [name, right[name] ?? this.text(attack)]));
    for (const name of names) if (!(name in right)) this.attacked.add(`${pattern(path)}${step} ${name}`);
    const answered = page.waitForEvent('domcontentloaded');
    await form.evaluate((element, fields) => {
      for (const control of element.querySelectorAll('input, select, textarea, button[name]')) control.remove();
      for (const [name, value] of Object.entries(fields)) {
        element.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
      }
      HTMLFormElement.prototype.submit.call(element);
    }, typed);
    await answered;
    const what = `${attack} at ${place}`;
    await this.look(what);
    for (const name of names) {
      const control = page.locator(`form.form [name="${name}"]`);
      if (name in right || (await control.count()) !== 1 || !(await control.evaluate((element) => element.matches('input:not([type=hidden], [type=radio], [type=checkbox]), textarea')))) continue;
      // A line of text holds no line breaks, and a document no NUL.
      const breaks = (await control.evaluate((element) => element.matches('textarea'))) ? '\n' : '';
      const whole = (typed[name] ?? '').replace(/\r\n|[\r\n]/g, breaks).replaceAll('\0', '\ufffd');
      // Of an e-mail address that is longer than any can be, its beginning is shown again.
      const shown = seen(name === 'email' ? seen(whole).slice(0, 254) : whole);
      // Text that may be a secret in the wrong field is not shown again.
      const may = GUARDED.includes(name) ? [shown, ''] : [ECHOED.includes(name) ? shown : ''];
      expect(may, `${what}, ${name}`).toContain(seen(await control.inputValue()));
    }
    return typed;
  }

  /** Tries each attack in turn, on the form that the last answer showed, or on the page opened anew. */
  async attackAll(path: string, attacks = ALL, right: Record<string, string> = {}): Promise<void> {
    await this.open(path);
    for (const attack of attacks) {
      const isThere = new URL(this.page.url()).pathname === path && (await this.page.locator('form.form').count()) === 1;
      if (!isThere) await this.open(path);
      await this.attack(attack, right);
    }
  }

  /** Takes the second step of a change: sends attacks instead of a code, then the code. */
  async confirm(admin: Administrator): Promise<void> {
    for (const attack of FEW) await this.attack(attack);
    await this.attack('', { code: admin.nextCode() });
  }
}

/** Visits every page that links lead to, from the first one on. */
async function walk(attacker: Attacker, page: Page, visit: (path: string) => Promise<void>): Promise<void> {
  const waiting = ['/'];
  const known = new Set(waiting);
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    await attacker.open(path, 'load');
    await visit(new URL(page.url()).pathname);
    const links = await page.evaluate(() => [...document.querySelectorAll('a[href]')].map((link) => (link as HTMLAnchorElement).href));
    for (const link of links) {
      const url = new URL(link);
      expect(url.origin, `${path} leads elsewhere`).toBe(new URL(page.url()).origin);
      const next = url.pathname + url.search;
      // A document for programs, not a page.
      if (next === '/api/openapi.json') continue;
      // The calendar has many months, and a list many orders: one of each stands for all.
      const isOneOfMany = ['month', 'day', 'sort', 'order'].some((name) => url.searchParams.has(name));
      const key = isOneOfMany ? `${url.pathname}?${[...url.searchParams.keys()].join('&')}` : next;
      if (!known.has(key)) waiting.push(next);
      known.add(key);
    }
  }
}

/** Reads the addresses of the server's table of pages. */
function tableOfPages(): string[] {
  const table = readFileSync('../server/src/router.rs', 'utf8');
  const addresses = readFileSync('../domain/src/base/address.rs', 'utf8');
  const patterns = new Map([...addresses.matchAll(/^pub const (\w+): &str = "(\S+)";/gm)].map(([, name = '', path = '']) => [name, path]));
  const names = [...table.matchAll(/^ +([A-Z_]+) (?:READ|WRITE|BOTH) /gm)].map(([, name = '']) => name);
  const paths = names.map((name) => patterns.get(name) ?? `no address is called ${name}`);
  expect(paths.length, 'the table of pages is read').toBeGreaterThan(20);
  return paths;
}

plain('what an attack would make is noticed', async ({ page }) => {
  const harmless = '<a href="/javascript:">a</a><p title="onclick=1">b</p><input value="javascript:alert(1)">';
  await page.setContent(harmless);
  expect(await strangers(page)).toEqual([]);
  const made = ['<a href=" JavaScript:void 0">a</a>', '<p onclick="">b</p>', '<form action="javascript:">c</form>', '<iframe></iframe>', '<style></style>'];
  await page.setContent(harmless + made.join(''));
  expect(await strangers(page)).toHaveLength(made.length);
});

test.describe('with a high daily limit', () => {
  test.use({
    hasTrueTime: true,
    settings: async ({}, use) => {
      const limits = { KEYSTEAD_DAILY_LIMIT_PER_TYPE: '3', KEYSTEAD_PREFLIGHTS_PER_MINUTE: '1000' };
      await use({ ...limits, KEYSTEAD_KMS_ENDPOINT_URL: kmsUrl() });
    },
  });

  test('attacks typed into every field are text on every page', async ({ page, keystead }) => {
    const attacker = new Attacker(page);
    // As much of an attack as an e-mail address may contain.
    const admin = new Administrator(keystead, "o'x=`{{7*7}}`&lt&quot${7*7}@example.com");
    const names = new Map<string, string>();
    let keyNames = 0;

    await test.step('first run', async () => {
      await attacker.attackAll('/setup', FEW);
      await attacker.attackAll('/setup', ALL, { token: keystead.setupToken() });
      await attacker.attackAll('/setup', SOME, { token: keystead.setupToken(), email: admin.email });
      const account = { token: '', email: admin.email, password: admin.password, password_again: admin.password };
      await attacker.attack('', account);
      await expect(page.getByText(admin.email, { exact: true })).toBeVisible();
      admin.enrol(await page.locator('.secret code').innerText());
      await attacker.confirm(admin);
      admin.recoveryCodes = await page.locator('.recovery-codes code').allInnerTexts();
      expect(admin.recoveryCodes).toHaveLength(10);
      await attacker.attack('an address that is script');
      expect(new URL(page.url()).origin).toBe(keystead.url);
    });

    await test.step('environments: what a name takes is stored, the rest is refused', async () => {
      await attacker.attackAll('/environments', FEW);
      for (const attack of ALL) {
        await attacker.open('/environments');
        const { name = '' } = await attacker.attack(attack, { kind: 'test', slug: '' });
        const [, slug] = /^\/environments\/(.+)$/.exec(new URL(page.url()).pathname) ?? [];
        if (slug !== undefined) {
          names.set(slug, name);
          await expect(said(page)).toHaveText(`Environment "${name}" added. Next, add the countries where it stores data.`);
          await expect(page.getByRole('heading', { level: 1 })).toHaveText(name);
        }
      }
      expect(names.size, 'attacks that are a name').toBeGreaterThan(6);
      expect(names.size, 'attacks that are none').toBeLessThan(ALL.length);
    });

    const [slug = ''] = names.keys();
    const home = `/environments/${slug}`;
    await test.step('one environment: renamed, countries, removal', async () => {
      for (const attack of ALL) {
        await attacker.open(`${home}/rename`);
        const { name = '' } = await attacker.attack(attack);
        if (new URL(page.url()).pathname === home) names.set(slug, name);
      }
      await attacker.attackAll(`${home}/kind`, SOME);
      await attacker.attackAll(`${home}/limits`, ALL);
      await attacker.attackAll(home, SOME);
      await attacker.open(home);
      await addCountry(page, 'Germany');
      await addCountry(page, 'France');
      // One button, and no field to attack.
      await attacker.open(`${home}/FR/remove`);
      await attacker.attackAll(`${home}/DE/alias`, SOME);
      await attacker.open(`${home}/DE/alias`);
      await attacker.attack('', { alias: 'acme@berlin' });
      await attacker.confirm(admin);
      await expect(said(page)).toHaveText('Alias "acme@berlin" is now active.');
    });

    await test.step('keys', async () => {
      for (const [step, days] of [['add', '30'], ['rotate', '60'], ['settings', '180']] as const) {
        await attacker.attackAll(`${home}/DE/keys/${step}`, step === 'add' ? SOME : FEW);
        await attacker.open(`${home}/DE/keys/${step}`);
        await attacker.attack('', { key_type: 'managed', rotation_days: days });
        await attacker.confirm(admin);
        await expect(said(page)).toHaveText(/^Version \d/);
      }
      // Two versions of two: "Rotate now" is offered.
      await attacker.open(`${home}/limits`);
      await attacker.attack('', { per_type: '2', per_scope: '100' });
      await attacker.confirm(admin);
      const now = `${home}/DE/keys/rotate`;
      await attacker.attackAll(now, SOME);
      let reasons = 0;
      for (const attack of ALL) {
        await attacker.open(now);
        await attacker.attack(attack, { rotation_days: '30', confirm: `${slug}/DE` });
        if (new URL(page.url()).searchParams.has('change')) reasons += 1;
      }
      expect(reasons, 'attacks that are a reason').toBeGreaterThan(6);
      await attacker.open(now);
      await attacker.attack('the end of an attribute', { rotation_days: '30', confirm: `${slug}/DE` });
      await attacker.confirm(admin);
      await expect(said(page)).toHaveText(/^Version 3 is active/);
    });

    await test.step("a customer's key", async () => {
      const customer = Customer.create('--broad');
      keystead.canaries.add('IAM secret key', customer.secret);
      keystead.canaries.add('data key', customer.plaintext());
      const credentials = { access_key_id: customer.accessKeyId, secret_access_key: customer.secret };
      const { CiphertextBlob: encrypted_key, KeyId: cmk_arn } = customer.dataKey;
      const key = { key_type: 'manual_aws', region: 'eu-central-1', encrypted_key, cmk_arn };
      const noPaste = { fill: '', paste: '' };
      const add = `${home}/FR/keys/add`;
      await attacker.attackAll(add, FEW, { key_type: 'manual_aws' });
      await attacker.attackAll(add, SOME, { key_type: 'manual_aws', ...noPaste });
      for (const [path, right] of [[add, key], [`${home}/FR/keys/1/credentials`, {}]] as const) {
        if (path !== add) {
          await attacker.attackAll(path, FEW);
          await attacker.attackAll(path, SOME, noPaste);
        }
        await attacker.open(path);
        // These credentials may do everything, so a box appears that must be ticked; another value of it is not accepted.
        for (const attack of ['', ...FEW]) await attacker.attack(attack, { ...right, ...credentials, ...noPaste, rotation_days: '30' });
        await attacker.attack('', { ...right, ...credentials, ...noPaste, rotation_days: '30', accepts_more: 'yes', accepts_same: 'yes' });
        await attacker.confirm(admin);
      }
      await attacker.open(`${home}/FR/keys`);
      await button(page, 'Check now').click();
      await expect(said(page)).toHaveText(/^Version 1 was checked/);
    });

    await test.step('API keys, and what services say of themselves', async () => {
      await attacker.attackAll('/api-keys/add', SOME);
      for (const attack of ALL) {
        await attacker.open('/api-keys/add');
        await attacker.attack(attack, { scopes: `${slug}/DE`, operations: 'encrypt', lifetime: '30' });
        if (new URL(page.url()).searchParams.has('change')) keyNames += 1;
      }
      expect(keyNames, 'attacks that are a name').toBeGreaterThan(6);
      await attacker.open('/api-keys/add');
      await attacker.attack('the end of an attribute', { scopes: `${slug}/DE`, operations: 'encrypt', lifetime: '30' });
      await attacker.confirm(admin);
      await expect(page).toHaveURL('/api-keys/new');
      const key = await page.locator('.new-key code').innerText();
      await attacker.attack('an element');
      await expect(page).toHaveURL('/api-keys');
      for (const attack of ALL) {
        const text = attacker.text(attack);
        const data = { plaintext: 'YQ==', audit: { requesting_id: text, data_label: text, source_ip: text, object_id: text, request_id: text, custom: { [text]: text } } };
        const answer = await page.request.post(`/api/v1/scopes/${slug}/DE/encrypt`, { headers: { authorization: `ApiKey ${key}` }, data });
        // Keystead bounds the audit text of a request, all fields together.
        expect(answer.status(), attack).toBe(text.length < 1_000 ? 200 : 422);
      }
      await attacker.open('/audit?source=data');
      await attacker.open('/api-keys');
      await button(page, 'Revoke').click();
      await attacker.confirm(admin);
      await expect(said(page)).toHaveText(/is revoked/);
    });

    await test.step('the rotation of tenant secrets, and the form that finishes it', async () => {
      await attacker.open('/api-keys/add');
      await field(page, 'Name').fill('Derives');
      await page.locator(`[name=scopes][value="${slug}/DE"]`).check();
      for (const operation of ['wrap', 'unwrap']) await field(page, operation).check();
      await button(page, 'Next').click();
      await confirmWith(page, admin.nextCode(), 'Create');
      await expect(page).toHaveURL('/api-keys/new');
      const key = (await page.locator('.new-key code').innerText()).trim();
      await button(page, 'I have saved this key').click();
      const secrets = `${home}/DE/tenant-secrets`;
      expect(await derive(keystead, key, `${slug}/DE`)).toEqual([true]);
      await attacker.attackAll(secrets, SOME);
      await attacker.attack('', { step: 'begin' });
      await attacker.confirm(admin);
      expect(await derive(keystead, key, `${slug}/DE`)).toEqual([true, false]);
      await expect(async () => {
        await attacker.open(secrets);
        await expect(page.locator('[name=accepts_uses]')).toHaveCount(1, { timeout: 500 });
      }).toPass({ timeout: 15_000 });
      for (const attack of SOME) {
        await attacker.attack(attack, { step: 'finish' });
        await attacker.open(secrets);
        await attacker.attack(attack);
        await attacker.open(secrets);
      }
      await attacker.attack('', { step: 'finish', confirm: `${slug}/DE`, accepts_uses: 'yes', seen_uses: '1' });
      await attacker.confirm(admin);
      await expect(said(page)).toHaveText(/^The rotation is finished/);
    });

    await test.step('the search of the audit log, and its export', async () => {
      for (const attack of SOME) {
        for (const source of ['portal', 'data', encodeURIComponent(attacker.text(attack))]) {
          const evil = encodeURIComponent(attacker.text(attack));
          await attacker.open(`/audit?source=${source}&place=${evil}&who=${evil}`);
          await attacker.open(`/audit?source=${source}&from=${evil}&to=${evil}&place=${evil}&who=${evil}&told=${evil}&before=${evil}`);
          // A search that is refused offers no export.
          await attacker.open(`/audit?source=${source}`);
          const answered = page.waitForEvent('domcontentloaded');
          await page.locator('form.export').evaluate((element, text) => {
            for (const control of element.querySelectorAll('input')) control.remove();
            for (const name of ['source', 'from', 'to', 'place', 'who', 'told', 'format']) {
              element.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value: text }));
            }
            HTMLFormElement.prototype.submit.call(element);
          }, attacker.text(attack));
          await answered;
          await attacker.look(`${attack} as an export`);
        }
      }
      for (const name of ['source', 'from', 'to', 'place', 'who', 'told']) attacker.attacked.add(`any page ${name}`);
      for (const name of ['source', 'place', 'who', 'told', 'from', 'to', 'format']) attacker.attacked.add(`/audit/export ${name}`);
      await attacker.open('/audit?source=data&from=2026-01-01T00:00&to=2100-01-01T00:00&place=x&who=x&told=x');
      await attacker.open('/guides/api');
    });

    await test.step('the profile', async () => {
      const fresh = 'nine brisk herons fold maps';
      await attacker.attackAll('/profile/password', FEW);
      await attacker.attackAll('/profile/password', SOME, { current_password: admin.password });
      await attacker.attack('', { current_password: admin.password, password: fresh, password_again: fresh });
      await attacker.confirm(admin);
      admin.password = fresh;
      for (const what of ['recovery-codes', 'authenticator']) {
        await attacker.attackAll(`/profile/${what}`, FEW);
        await attacker.open(`/profile/${what}`);
        await attacker.attack('', { current_password: admin.password });
        await attacker.confirm(admin);
        if (what === 'authenticator') {
          admin.enrol(await page.locator('.secret code').innerText());
          await attacker.confirm(admin);
          await expect(page).toHaveURL('/profile');
        } else {
          admin.recoveryCodes = await page.locator('.recovery-codes code').allInnerTexts();
          const download = page.waitForEvent('download');
          await button(page, 'Download').click();
          await download;
          await attacker.attack('the end of an attribute');
        }
      }
    });

    await test.step('what every page has: the theme and the filter', async () => {
      for (const attack of SOME) {
        await attacker.open(`/environments?filter=${encodeURIComponent(attacker.text(attack))}`);
        const typed = { theme: attacker.text(attack), next: attacker.text(attack) };
        for (const fields of [typed, { ...typed, theme: 'dark' }]) {
          const answered = page.waitForEvent('domcontentloaded');
          await page.locator('form.theme-switch').evaluate((element, sent) => {
            const form = Object.assign(document.createElement('form'), { method: 'post', action: '/theme' });
            for (const [name, value] of Object.entries(sent)) {
              form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
            }
            element.after(form);
            HTMLFormElement.prototype.submit.call(form);
          }, fields);
          await answered;
          await attacker.look(`${attack} as a theme`);
          await attacker.open('/environments');
        }
      }
      for (const attack of SOME) {
        const evil = encodeURIComponent(attacker.text(attack));
        await attacker.open(`/?find=${evil}&show=${evil}&rows=${evil}&columns=${evil}`);
        await attacker.open(`/calendar?month=${evil}&view=${evil}`);
        await attacker.open(`/calendar?day=${evil}&page=${evil}`);
        await attacker.open(`${home}?find=${evil}&without_key=${evil}&sort=${evil}&order=${evil}&page=${evil}&new=${evil}`);
      }
      for (const name of ['find', 'show', 'without_key']) attacker.attacked.add(`any page ${name}`);
      attacker.attacked.add('any page filter').add('/theme theme').add('/theme next');
      await attacker.open('/profile');
      await page.goto(home);
      // The field searches within the page and sends nothing.
      await field(page, 'Search countries').fill(attacker.text('the end of an attribute'));
      await attacker.look('an attack as a search');
      attacker.attacked.add('/environments/{env} (no name) Search countries');
    });

    await test.step('signing in, also with a recovery code', async () => {
      await page.goto('/environments');
      await signOut(page);
      await attacker.attackAll('/sign-in');
      await page.goto(`/sign-in?next=${encodeURIComponent('/audit#"><img src=x>')}`);
      await attacker.attack('the end of an attribute', { email: admin.email, password: admin.password });
      // Five wrong codes would block the account, and the form of the new authenticator is still to be attacked.
      await attacker.attack('the end of an attribute');
      await page.goto('/sign-in/recovery');
      await attacker.attack('the end of an attribute');
      await attacker.attack('', { recovery_code: admin.recoveryCodes[0] ?? '', next: '' });
      await expect(page).toHaveURL('/sign-in/authenticator');
      admin.enrol(await page.locator('.secret code').innerText());
      await attacker.confirm(admin);
      await expect(page).toHaveURL('/profile');
    });

    await test.step('every page, once more, with all that was stored', async () => {
      let audited = '';
      await walk(attacker, page, async (path) => {
        await expect(page.getByLabel(`Menu of ${admin.email}`, { exact: true })).toBeVisible();
        const [, below = ''] = /^\/environments\/([^/]+)/.exec(path) ?? [];
        const name = names.get(below);
        if (name !== undefined) await expect(page.getByText(name, { exact: true }).first(), path).toBeAttached();
        if (path === '/audit') audited += `${await page.getByRole('main').innerText()}\n`;
        if (path === '/environments') {
          const shown = (await rows(page)).map(([cell]) => cell);
          expect(shown.sort()).toEqual([...names.values()].sort());
        }
      });
      for (const name of names.values()) expect(audited).toContain(name);
      expect(audited).toContain(admin.email);
    });

    await test.step('no field and no page was forgotten', async () => {
      expect([...attacker.seen].sort()).toEqual([...attacker.attacked].sort());
      // No page asks for it before its session is about to end.
      expect(await page.evaluate(async () => (await fetch('/session')).text())).toMatch(/^\d+$/);
      const visited = new Set(keystead.exchanges().map(({ target }) => pattern(target.split('?')[0] ?? '')));
      expect(tableOfPages().filter((path) => !visited.has(path) && path !== '/profile/sessions')).toEqual([]);
    });
  });
});

test('attacks in addresses, queries and cookies are text or nothing', async ({ page, context, keystead, admin }) => {
  const attacker = new Attacker(page);
  await signIn(page, admin);
  await button(page, 'Add environment').waitFor();
  await field(page, 'Name').fill('Production');
  await button(page, 'Add environment').click();
  await addCountry(page, 'Germany');
  await createKey(page, admin, 'production/DE');
  const keys = '/environments/production/DE/keys';
  for (const attack of ['the end of an attribute', 'the end of the title', 'an address that is script', 'control characters and headers']) {
    const evil = encodeURIComponent(attacker.text(attack));
    const paths = ['', '/environments', '/environments/production', keys, '/assets', '/profile'].map((path) => `${path}/${evil}`);
    const below = [`/environments/${evil}/DE/keys`, `/environments/production/${evil}/keys`, `${keys}/add/${evil}`];
    const queries = [`${keys}?new=`, `${keys}?before=`, '/audit?before=', '/environments?filter=', '/sign-in?notice=', `${keys}/1?`];
    const changes = ['add', 'rotate', 'settings'].flatMap((step) => [`${keys}/${step}?change=`, `${keys}/${step}?back=`]);
    const profile = ['password', 'authenticator', 'recovery-codes'].map((step) => `/profile/${step}?change=`);
    for (const path of [...paths, ...below]) {
      const answer = await page.goto(path, { waitUntil: 'domcontentloaded' });
      expect(answer?.status(), path).toBeGreaterThanOrEqual(400);
      expect(answer?.status(), path).toBeLessThan(500);
      await attacker.look(path);
    }
    const asset = await page.request.get(`/assets/x/${evil}`);
    expect([asset.status(), await asset.text()], 'an asset that is none').toEqual([404, '']);
    for (const query of [...queries, ...changes, ...profile]) await attacker.open(`${query}${evil}&${evil}=${evil}`);
    await context.addCookies([{ name: 'keystead-theme', value: evil, url: keystead.url }]);
    await attacker.open('/environments');
    await expect(page.locator('html')).not.toHaveAttribute('data-theme');
  }
});

test.describe('behind a proxy that is believed', () => {
  test.use({ settings: { KEYSTEAD_TRUSTED_PROXIES: '127.0.0.1' } });

  test('attacks in what a browser says of itself are text in the list of sessions', async ({ page, browser, keystead, admin }) => {
    await signIn(page, admin, '/profile');
    const agents = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onfocus=alert(1) autofocus x='", '{{7*7}}&lt;b&gt;'];
    for (const agent of agents) {
      const extraHTTPHeaders = { 'X-Forwarded-For': `${agent}, 192.0.2.7`, 'X-Forwarded-Host': 'evil.example', Forwarded: `for="${agent}"` };
      const context = await browser.newContext({ baseURL: keystead.url, userAgent: agent, extraHTTPHeaders });
      const complaints = await watch(context);
      const other = await context.newPage();
      await signIn(other, admin, '/audit');
      expect(await strangers(other)).toEqual([]);
      await expect(other.locator('main tbody')).toContainText('192.0.2.7');
      await context.close();
      expect(complaints).toEqual([]);
    }
    await page.goto('/profile');
    expect(await strangers(page)).toEqual([]);
    const sessions = await rows(page);
    expect(sessions.map(([agent]) => agent).filter((agent) => agents.includes(agent ?? '')).sort()).toEqual([...agents].sort());
    expect(new Set(sessions.map(([, address]) => address))).toEqual(new Set(['127.0.0.1', '192.0.2.7']));
    // The review of one session's end names its browser, too.
    await button(page, 'End session').first().click();
    expect(await strangers(page)).toEqual([]);
    await page.goto('/profile');
    await button(page, 'Sign out other sessions').click();
    await confirmWith(page, admin.nextCode(), 'Sign out');
    await expect(said(page)).toHaveText('4 other sessions are signed out.');
  });
});

test('nobody is sent to another site after signing in', async ({ page, context, keystead, admin }) => {
  const elsewhere: string[] = [];
  const isElsewhere = (url: URL) => url.origin !== keystead.url;
  await context.route(isElsewhere, (route) => {
    elsewhere.push(route.request().url());
    return route.abort();
  });
  const targets = [
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/%2f%2fevil.example',
    '/%5cevil.example',
    'https:evil.example',
    'https://evil.example',
    'https:/evil.example',
    'http:///evil.example',
    'javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    '\t//evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r\nLocation: https://evil.example',
    ' //evil.example',
    '/ /evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/environments/..//evil.example',
    '/@evil.example',
    '@evil.example',
    '.evil.example',
    ':80@evil.example',
    '/\u2028/evil.example',
    '/\uff0fevil.example',
    `${keystead.url}@evil.example`,
    `${keystead.url}.evil.example`,
  ];
  const stays = (what: string) => {
    expect(elsewhere, what).toEqual([]);
    expect(new URL(page.url()).origin, what).toBe(keystead.url);
  };

  await test.step('as somebody who signs in', async () => {
    for (const target of ['//evil.example', '/\\evil.example', '/%2f%2fevil.example']) {
      const name = JSON.stringify(target);
      await page.goto(`/sign-in?next=${encodeURIComponent(target)}`);
      await field(page, 'E-mail').fill(admin.email);
      await field(page, 'Password').fill(admin.password);
      await button(page, 'Sign in').click();
      await expect(field(page, 'Verification code'), name).toBeVisible();
      await proveWith(page, admin.nextCode(), 'Sign in');
      stays(name);
      await page.goto('/environments');
      await signOut(page);
    }
  });

  await test.step('as somebody who is signed in, and by every form that goes on to somewhere', async () => {
    await signIn(page, admin);
    for (const target of targets) {
      const name = JSON.stringify(target);
      await page.goto(`/sign-in?next=${encodeURIComponent(target)}`);
      stays(name);
      // The target as it is, without encoding by the test.
      await page.goto(`/sign-in?next=${target.replaceAll('#', '')}`);
      stays(name);
      await page.goto('/environments');
      const answered = page.waitForEvent('domcontentloaded');
      await page.locator('form.theme-switch').evaluate((form, next) => {
        (form as HTMLFormElement).querySelector<HTMLInputElement>('[name=next]')?.setAttribute('value', next);
        const theme = Object.assign(document.createElement('input'), { type: 'hidden', name: 'theme', value: 'light' });
        form.append(theme);
        HTMLFormElement.prototype.submit.call(form);
      }, target);
      await answered;
      stays(name);
    }
  });
});
