import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Pseudonyms } from './pseudonyms.ts';
import { formsOf, withoutSecrets } from './secret-forms.ts';

test('what has the form of a secret is replaced wherever it stands; what people look for stays', () => {
  const random = (bytes: number): string => randomBytes(bytes).toString('base64url');
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const grant = `eyJhbGciOiJFZERTQSJ9.${random(80)}.${random(64)}`;
  // As random as those that are, but for the letters that make this one be found every time.
  const secret = `Aa1${random(32)}`;
  const lines: readonly (readonly [string, string])[] = [
    [key.slice(30, 60), `the key ${key} was read`],
    [grant, `grant ${grant} expired`],
    ...['hfa', 'hfc', 'hfj', 'hfm', 'hfo', 'hfp', 'hfr', 'hfs', 'hft'].map(
      (kind) => [`${kind}_${secret}`, `wrong token ${kind}_${secret}.`] as const,
    ),
    ['cGVyc29uOnB3', 'authorization: Basic cGVyc29uOnB3'],
    ['hunter2', 'postgres://holdfast:hunter2@db/catalogue'],
    ['hunter3', 'password=hunter3 host=db'],
    ['hunter4', '{"api_key": "hunter4"}'],
    ['EBe0-7e8e-72a6-3Eb2', 'token EBe0-7e8e-72a6-3Eb2 was used up'],
    [secret, `opened with ${secret}`],
    ['wH3/kQ9x+Zp7LrT2/vB5nM8cY1dF4gJ6sA0eU3iO7q/=', 'vault key wH3/kQ9x+Zp7LrT2/vB5nM8cY1dF4gJ6sA0eU3iO7q/='],
    ['JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', 'otp JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'],
  ];
  for (const [part, line] of lines) {
    const clean = withoutSecrets(line);
    assert.ok(!clean.includes(part) && clean.includes('[secret]'), clean);
  }
  for (const form of formsOf('correct horse battery'))
    assert.ok(!withoutSecrets(`said ${form} twice: ${form}`, formsOf('correct horse battery')).includes(form), form);

  for (const line of [
    'Snapshot 4f1c9e0b1a2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3 is listed',
    'run 6f1c2a34-0000-4000-8000-1234567890ab of session 1d90aa77-0000-4000-8000-1234567890ab',
    'sha256:Zm9vYmFyQmF6MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM is the CA',
    '-----BEGIN CERTIFICATE-----',
    '/srv/Repositories/local/laptops-2026/snapshots/4f1c9e0b1a2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3',
    '/home/Alice/Documents/Taxes2025/Invoices/January',
    'agent-to-mover-data to 192.0.2.1:2500 timed out',
  ])
    assert.equal(withoutSecrets(line), line);
});

test('a text that somebody made for it takes no longer than another', { timeout: 60_000 }, () => {
  const pseudonyms = new Pseudonyms(Buffer.alloc(32));
  for (const part of [
    'a',
    'a.',
    'a-',
    'a:',
    ':',
    '-',
    '/',
    '"',
    '\'"',
    'token=',
    'token="',
    'Bearer ',
    '-----BEGIN A-----',
    'a@',
    '::1',
    '1.',
    'eyJa.',
    ' ',
  ])
    pseudonyms.text(withoutSecrets(part.repeat(300_000 / part.length)));
});
