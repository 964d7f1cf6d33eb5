// The secrets in the traffic of a journey: the ones that it creates, and the places that must not hold them.

import { gunzipSync } from 'node:zlib';
import { API_KEYS, type Canaries, type Kind, type Place, RECOVERY_CODES } from './canaries';
import { type Exchange, headerOf } from './tap';

/** Form fields that hold a secret. Verification codes do not count as secrets: see canaries.ts. */
const SECRET_FIELDS: Readonly<Record<string, Kind>> = {
  password: 'password',
  password_again: 'password',
  current_password: 'password',
  token: 'setup token',
  recovery_code: 'recovery code',
  secret_access_key: 'IAM secret key',
};

/** Pages and files that are meant to show a secret. */
const SHOWN: ReadonlyArray<readonly [RegExp, Kind]> = [
  [/^\/(setup|sign-in)\/authenticator$/, 'seed'],
  [/^\/profile\/authenticator\/enrol$/, 'seed'],
  [/^\/profile\/recovery-codes\/(show|file)$/, 'recovery code'],
  [/^\/api-keys\/new$/, 'API key'],
  // Services get the plaintext that they ask for.
  [/^\/api\/v1\//, 'plaintext'],
];

const SESSION = /\b(?:__Host-)?keystead-\d+=([^;\s]+)/g;

function pathOf(exchange: Exchange): string {
  return exchange.target.split('?')[0] ?? '';
}

function shownBy(exchange: Exchange): Kind | undefined {
  const isPage = exchange.status === 200 || exchange.status === 422 || exchange.status === 429;
  return isPage ? SHOWN.find(([path]) => path.test(pathOf(exchange)))?.[1] : undefined;
}

/** Returns the secrets that a page showed. When a page should show some and has none, this file is wrong, and it throws. */
function shownSecrets(exchange: Exchange, kind: Kind): string[] {
  const page = exchange.responseBody.toString();
  const seeds = [...page.matchAll(/<code class="grouped">(.*?)<\/code>/gs)].map(([, inner = '']) => inner.replace(/<[^>]*>|\s/g, ''));
  if (kind === 'plaintext') return [];
  const written = kind === 'API key' ? API_KEYS : RECOVERY_CODES;
  const secrets = kind === 'seed' ? seeds.filter((seed) => /^[A-Z2-7]{32,}$/.test(seed)) : (page.match(written) ?? []);
  const isWhole = page.includes('</html>');
  if (isWhole && secrets.length === 0) throw new Error(`${pathOf(exchange)} shows no ${kind} that a test can read`);
  return secrets;
}

/** Makes a canary of every secret that was sent or shown. */
export function register(exchanges: readonly Exchange[], canaries: Canaries): void {
  for (const exchange of exchanges) {
    const cookies = [headerOf(exchange.requestHeaders, 'cookie') ?? '', ...cookiesSet(exchange)];
    for (const [, token = ''] of cookies.join('; ').matchAll(SESSION)) canaries.add('session token', token);
    if (headerOf(exchange.requestHeaders, 'content-type') === 'application/x-www-form-urlencoded') {
      for (const [name, value] of new URLSearchParams(exchange.requestBody.toString())) {
        const kind = SECRET_FIELDS[name];
        if (kind !== undefined) canaries.add(kind, value);
      }
    }
    const kind = shownBy(exchange);
    if (kind !== undefined) for (const secret of shownSecrets(exchange, kind)) canaries.add(kind, secret);
  }
}

function isCookie(header: string): boolean {
  return header.toLowerCase().startsWith('set-cookie:');
}

function cookiesSet(exchange: Exchange): string[] {
  return exchange.responseHeaders.filter(isCookie);
}

/** Returns the body of an answer as it was before it was compressed. */
function plainBody(exchange: Exchange): Buffer {
  const encoding = headerOf(exchange.responseHeaders, 'content-encoding');
  if (encoding === undefined) return exchange.responseBody;
  if (encoding !== 'gzip') throw new Error(`${pathOf(exchange)} is answered as ${encoding}, which is not searched`);
  return gunzipSync(exchange.responseBody);
}

/** Returns the places that others could see: addresses, and whole answers. Assets, the same for everybody, are left out. */
export function places(exchanges: readonly Exchange[]): Place[] {
  return exchanges.flatMap((exchange, index) => {
    if (pathOf(exchange).startsWith('/assets/')) return [];
    const answer = `answer no. ${index + 1} (${exchange.method} ${pathOf(exchange).slice(0, 60)})`;
    const address = [exchange.target, headerOf(exchange.requestHeaders, 'referer') ?? ''].join('\n');
    const kind = shownBy(exchange);
    return [
      { name: `the address of request no. ${index + 1}`, bytes: Buffer.from(address, 'latin1') },
      { name: `the cookies of ${answer}`, bytes: Buffer.from(cookiesSet(exchange).join('\n'), 'latin1'), may: ['session token'] },
      {
        name: `the headers of ${answer}`,
        bytes: Buffer.from(exchange.responseHeaders.filter((header) => !isCookie(header)).join('\n'), 'latin1'),
      },
      { name: `the body of ${answer}`, bytes: plainBody(exchange), may: kind === undefined ? [] : [kind] },
    ] satisfies Place[];
  });
}
