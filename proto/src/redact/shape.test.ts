import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hmac } from '../../test/material.ts';
import { redact } from '../redact.ts';

const letters = 'aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0dF2hJ4kL6nP8rS0uV2xY4zA6cE8gI0kM2oQ4sU6wY8';
const take = (length: number): string => letters.repeat(4).slice(0, length);
const hex = (length: number): string => '0123456789abcdef'.repeat(8).slice(0, length);

/** Put together here, so that no scanner takes the tests for a leak. */
const tokens: Readonly<Record<string, string>> = {
  JWT: `eyJ${take(17)}.eyJ${take(20)}.${take(30)}`,
  'GitHub classic': `ghp_${take(36)}`,
  'GitHub fine-grained': `github_pat_${take(40)}`,
  GitLab: `glpat-${take(20)}`,
  'Slack bot': `xoxb-${take(12)}-${take(24)}`,
  Stripe: `sk_live_${take(24)}`,
  npm: `npm_${take(36)}`,
  Google: `AIza${take(35)}`,
  SendGrid: `SG.${take(22)}.${take(43)}`,
  'sk-': `sk-${take(40)}`,
  Vault: `hvs.${take(24)}`,
  DigitalOcean: `dop_v1_${hex(64)}`,
  Docker: `dckr_pat_${take(27)}`,
  PyPI: `pypi-${take(60)}`,
  'AWS key id': `AKIA${'ABCD'.repeat(4)}`,
  age: `AGE-SECRET-KEY-1${'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'.repeat(2).slice(0, 58)}`,
  'Base64 of a PEM key': Buffer.from(`-----BEGIN PRIVATE KEY-----\n${take(60)}\n`).toString('base64'),
  'gzip in Base64': `H4sI${take(80)}`,
};

for (const [name, token] of Object.entries(tokens)) {
  test(`${name} is found by its form anywhere`, () => {
    for (const text of [token, `x ${token} y`, `"${token}",`, `a=${token};b`]) {
      const output = JSON.stringify(redact({ note: text }, hmac));
      assert.ok(!output.includes(token.slice(-12)), output);
    }
  });
}

test('an AWS secret key is found by the company of its id, wherever in the object', () => {
  const secret = `wJalrXUtnFEMI/K7MDENG/bPxRfiCY${take(10)}`;
  assert.ok(
    !JSON.stringify(redact({ a: { id: tokens['AWS key id'] ?? '' }, b: [`x ${secret}`] }, hmac)).includes(secret),
  );
  assert.ok(JSON.stringify(redact({ b: [`x ${secret}`] }, hmac)).includes(secret));
});

test('public or harmless look-alikes stay', () => {
  const object = {
    a: 'https://a.example.com:8080/path/user@example.com?x=a:b@c',
    b: 'ssh://git@git.example.com/x.git',
    c: Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n').toString('base64'),
    d: `registry.example.com/app@sha256:${hex(64)}`,
    e: 'Basic authentication and Bearer authentication are supported',
    f: 'risk-assessment-of-the-whole-system and task-runner-with-long-name-7d9f8b6c5-x2x4z',
    g: `commit ${hex(40)}`,
    h: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  };
  assert.equal(redact(object, hmac), object);
});
